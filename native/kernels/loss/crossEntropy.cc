// softmaxCrossEntropy: log(sum) + max - logits[label] per pixel from the statistics that the softmax kernel keeps, in
// float64 and added up chunk by chunk, so that the order does not depend on threads.
#include <cmath>

#include "base/oldest_system.h"
#include "kernels/check.h"
#include "kernels/loss/loss.h"
#include "kernels/loss/ops.h"
#include "kernels/plan.h"
#include "kernels/softmax/softmax.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr int64_t kChunk = 64;  // pixels whose statistics wait on the stack

// Labels follow each other densely, one per pixel of the logits, whatever their own shape.
Status verifyLabels(const char* op, const TensorDesc& labels, const char* name, const TensorDesc& pixels) {
  STRIATE_TRY(check::isDtype(op, "labels", labels, Dtype::i32));
  const bool alike = labels.elements() == pixels.pixels() && labels.batched == pixels.batched &&
                     (!labels.batched || labels.dims[0] == pixels.dims[0]);
  STRIATE_REFUSE_IF(!alike || !labels.dense(), op, ": labels must be dense, one for each pixel of ", name, " ",
                    check::shapeOf(pixels), ", got ", check::shapeOf(labels), " with pixel stride ",
                    labels.pixelStride);
  return okStatus();
}

// In order and on one thread, so that the label which is named is the first.
Status checkLabels(const char* op, const int32_t* labels, int64_t count, int64_t classes) {
  for (int64_t i = 0; i < count; ++i) {
    if (labels[i] < 0 || labels[i] >= classes) {
      return Status(StatusCode::data, message::join(op, ": labels must be 0 to ", classes - 1, " for ", classes,
                                                    " classes, got ", labels[i], " (label ", i, " of ", count, ")"));
    }
  }
  return okStatus();
}

}  // namespace

Status verifyCrossEntropy(const OpRequest& request) {
  constexpr const char* kOp = "softmaxCrossEntropy";
  STRIATE_TRY(check::hasChannels(kOp, "logits", request.in[0]));
  STRIATE_TRY(verifyLabels(kOp, request.in[1], "logits", request.in[0]));
  STRIATE_TRY(check::isVector(kOp, "loss", request.out[0], 1));
  return check::matches(kOp, "probabilities", request.out[1], "logits", request.in[0]);
}

std::unique_ptr<OpPlan> planCrossEntropy(const OpRequest& request) {
  const TensorDesc& logits = request.in[0];
  const int64_t chunks = (logits.pixels() + kChunk - 1) / kChunk;
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kSoftmax), logits, probabilities = request.out[1]](
                        const RunContext& context, const void* const* in, void* const* out) -> Status {
    const int64_t pixels = logits.livePixels(context.rows), channels = logits.channels();
    const auto* labels = static_cast<const int32_t*>(in[1]);
    STRIATE_TRY(checkLabels("softmaxCrossEntropy", labels, pixels, channels));
    auto* partials = reinterpret_cast<double*>(context.scratch);
    const double cost = 1.5 * static_cast<double>(channels) + 50;
    forRanges(context, pixels, cost, kChunk, [&](int64_t begin, int64_t end) {
      for (int64_t first = begin; first < end; first += kChunk) {
        const int64_t n = std::min(kChunk, end - first);
        float chosen[kChunk], maxima[kChunk], sums[kChunk];
        const float* x = f32(in[0]) + first * logits.pixelStride;
        for (int64_t p = 0; p < n; ++p) chosen[p] = x[p * logits.pixelStride + labels[first + p]];
        kernels->forward(n, channels, x, logits.pixelStride, f32(out[1]) + first * probabilities.pixelStride,
                         probabilities.pixelStride, maxima, sums);
        double loss = 0;
        for (int64_t p = 0; p < n; ++p)
          loss += std::log(static_cast<double>(sums[p])) + (static_cast<double>(maxima[p]) - chosen[p]);
        partials[first / kChunk] = loss;
      }
    });
    double loss = 0;
    for (int64_t i = 0; i * kChunk < pixels; ++i) loss += partials[i];
    *f32(out[0]) = static_cast<float>(loss / static_cast<double>(pixels));
    return okStatus();
  };
  return makePlan(request, "logSumExp", "softmaxCrossEntropy_fwd_f32", static_cast<size_t>(chunks) * sizeof(double),
                  body);
}

Status verifyCrossEntropyBackward(const OpRequest& request) {
  constexpr const char* kOp = "softmaxCrossEntropy.backward";
  STRIATE_TRY(check::hasChannels(kOp, "probabilities", request.in[0]));
  STRIATE_TRY(verifyLabels(kOp, request.in[1], "probabilities", request.in[0]));
  STRIATE_TRY(check::isVector(kOp, "dloss", request.in[2], 1));
  return check::matches(kOp, "dlogits", request.out[0], "probabilities", request.in[0]);
}

std::unique_ptr<OpPlan> planCrossEntropyBackward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kLoss), probabilities = request.in[0],
                     dlogits = request.out[0]](const RunContext& context, const void* const* in,
                                               void* const* out) -> Status {
    const int64_t pixels = probabilities.livePixels(context.rows), channels = probabilities.channels();
    const auto* labels = static_cast<const int32_t*>(in[1]);
    STRIATE_TRY(checkLabels("softmaxCrossEntropy.backward", labels, pixels, channels));
    const auto share = static_cast<float>(static_cast<double>(*f32(in[2])) / static_cast<double>(pixels));
    forRanges(context, pixels, 0.3 * static_cast<double>(channels) + 4, 1, [&](int64_t begin, int64_t end) {
      kernels->crossEntropyBackward(end - begin, channels, f32(in[0]) + begin * probabilities.pixelStride,
                                    probabilities.pixelStride, labels + begin, share,
                                    f32(out[0]) + begin * dlogits.pixelStride, dlogits.pixelStride);
    });
    return okStatus();
  };
  return makePlan(request, "rows", "softmaxCrossEntropy_bwd_input_f32", 0, body);
}

}  // namespace striate
