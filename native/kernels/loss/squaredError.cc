// meanSquaredError: chunks fixed at capacity, float32 inside a chunk and float64 across them.
#include "kernels/check.h"
#include "kernels/loss/loss.h"
#include "kernels/loss/ops.h"
#include "kernels/plan.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr int64_t kChunkElements = 16384;

}  // namespace

Status verifySquaredError(const OpRequest& request) {
  constexpr const char* kOp = "meanSquaredError";
  STRIATE_TRY(check::isF32(kOp, "prediction", request.in[0]));
  STRIATE_TRY(check::matches(kOp, "target", request.in[1], "prediction", request.in[0]));
  return check::isVector(kOp, "loss", request.out[0], 1);
}

std::unique_ptr<OpPlan> planSquaredError(const OpRequest& request) {
  const TensorDesc &prediction = request.in[0], &target = request.in[1];
  const bool dense = prediction.dense() && target.dense();
  // A chunk is a run of one long row, or of pixels.
  const int64_t size = dense ? kChunkElements : std::max<int64_t>(1, kChunkElements / prediction.channels());
  const int64_t chunks = ((dense ? prediction.elements() : prediction.pixels()) + size - 1) / size;
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kLoss), prediction, target, dense, size](
                        const RunContext& context, const void* const* in, void* const* out) {
    const Extent extent = liveExtent(prediction, context.rows, dense);
    const int64_t units = dense ? extent.channels : extent.pixels;
    const double cost = 0.3 * static_cast<double>(dense ? 1 : extent.channels);
    auto* partials = reinterpret_cast<float*>(context.scratch);
    forRanges(context, units, cost, size, [&](int64_t begin, int64_t end) {
      for (int64_t first = begin; first < end; first += size) {
        const int64_t n = std::min(size, end - first);
        const Part part = dense ? Part{0, 1, first, n} : Part{first, n, 0, extent.channels};
        partials[first / size] = kernels->squaredDistance(
            part.pixels, part.channels, at(f32(in[0]), prediction.pixelStride, part), prediction.pixelStride,
            at(f32(in[1]), target.pixelStride, part), target.pixelStride);
      }
    });
    double sum = 0;
    for (int64_t i = 0; i * size < units; ++i) sum += static_cast<double>(partials[i]);
    *f32(out[0]) = static_cast<float>(sum / static_cast<double>(extent.elements()));
    return okStatus();
  };
  return makePlan(request, "chunkedSum", "meanSquaredError_fwd_f32", static_cast<size_t>(chunks) * sizeof(float), body);
}

Status verifySquaredErrorBackward(const OpRequest& request) {
  constexpr const char* kOp = "meanSquaredError.backward";
  STRIATE_TRY(check::isF32(kOp, "prediction", request.in[0]));
  STRIATE_TRY(check::matches(kOp, "target", request.in[1], "prediction", request.in[0]));
  STRIATE_TRY(check::isVector(kOp, "dloss", request.in[2], 1));
  return check::matches(kOp, "dprediction", request.out[0], "prediction", request.in[0]);
}

std::unique_ptr<OpPlan> planSquaredErrorBackward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kLoss), prediction = request.in[0], target = request.in[1],
                     gradient = request.out[0]](const RunContext& context, const void* const* in, void* const* out) {
    const Extent extent =
        liveExtent(prediction, context.rows, prediction.dense() && target.dense() && gradient.dense());
    const auto share = static_cast<float>(2.0 * *f32(in[2]) / static_cast<double>(extent.elements()));
    forParts(context, extent, 0.4, [&](const Part& part) {
      kernels->scaledDifference(part.pixels, part.channels, at(f32(in[0]), prediction.pixelStride, part),
                                prediction.pixelStride, at(f32(in[1]), target.pixelStride, part), target.pixelStride,
                                share, at(f32(out[0]), gradient.pixelStride, part), gradient.pixelStride);
    });
    return okStatus();
  };
  return makePlan(request, "elementwise", "meanSquaredError_bwd_input_f32", 0, body);
}

}  // namespace striate
