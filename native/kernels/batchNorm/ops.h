// The drivers of this room, one file per direction, and what they share.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels/reduction.h"
#include "kernels/split.h"

namespace striate {

Status verifyBatchNormInference(const OpRequest& request);
std::unique_ptr<OpPlan> planBatchNormInference(const OpRequest& request);
Status verifyBatchNormTrain(const OpRequest& request);
std::unique_ptr<OpPlan> planBatchNormTrain(const OpRequest& request);
Status verifyBatchNormInferenceBackward(const OpRequest& request);
std::unique_ptr<OpPlan> planBatchNormInferenceBackward(const OpRequest& request);
Status verifyBatchNormTrainBackward(const OpRequest& request);
std::unique_ptr<OpPlan> planBatchNormTrainBackward(const OpRequest& request);
Status verifyBatchNormUpdateStatistics(const OpRequest& request);
std::unique_ptr<OpPlan> planBatchNormUpdateStatistics(const OpRequest& request);
Status verifyBatchNormFold(const OpRequest& request);
std::unique_ptr<OpPlan> planBatchNormFold(const OpRequest& request);

// A parameter per channel as one per column of wide pixels (reduction.h): itself without folds, else repeated in
// `room`, which has fold * channels floats and may begin with the parameter.
inline const float* widen(const float* parameter, int64_t channels, int64_t fold, float* room) {
  if (fold == 1) return parameter;
  if (room != parameter) std::copy_n(parameter, channels, room);
  for (int64_t f = 1; f < fold; ++f) std::copy_n(room, channels, room + f * channels);
  return room;
}

// body(first pixel, wide pixels, columns) over all live pixels, in tasks.
template <class Body>
void forWideParts(const RunContext& context, int64_t pixels, int64_t channels, int64_t fold,
                  double nanosecondsPerElement, const Body& body) {
  const double cost = nanosecondsPerElement * static_cast<double>(channels);
  forRanges(context, pixels, cost, fold, [&](int64_t begin, int64_t end) {
    const int64_t whole = (end - begin) / fold, rest = (end - begin) % fold;
    if (whole > 0) body(begin, whole, fold * channels);
    if (rest > 0) body(begin + whole * fold, int64_t{1}, rest * channels);
  });
}

}  // namespace striate
