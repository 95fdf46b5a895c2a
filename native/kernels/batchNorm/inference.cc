// batchNorm.inference, .updateStatistics and .fold: statistics given.
#include "kernels/batchNorm/batchNorm.h"
#include "kernels/batchNorm/ops.h"
#include "kernels/check.h"
#include "kernels/plan.h"

namespace striate {

Status verifyBatchNormInference(const OpRequest& request) {
  constexpr const char* kOp = "batchNorm.inference";
  const TensorDesc& x = request.in[0];
  STRIATE_TRY(check::isActivation(kOp, request.attributes[1], request.attributes[2]));
  STRIATE_TRY(check::hasChannels(kOp, "x", x));
  STRIATE_TRY(check::isVector(kOp, "gamma", request.in[1], x.channels()));
  STRIATE_TRY(check::isVector(kOp, "beta", request.in[2], x.channels()));
  STRIATE_TRY(check::isVector(kOp, "mean", request.in[3], x.channels()));
  STRIATE_TRY(check::isVector(kOp, "variance", request.in[4], x.channels()));
  return check::matches(kOp, "y", request.out[0], "x", x);
}

std::unique_ptr<OpPlan> planBatchNormInference(const OpRequest& request) {
  const TensorDesc &x = request.in[0], &y = request.out[0];
  const int64_t fold = foldOf(x.channels(), x.dense() && y.dense());
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kBatchNorm), x, y, fold,
                     epsilon = static_cast<float>(request.attributes[0]),
                     activation = static_cast<int>(request.attributes[1]),
                     slope = static_cast<float>(request.attributes[2])](const RunContext& context,
                                                                        const void* const* in, void* const* out) {
    const int64_t channels = x.channels(), columns = fold * channels;
    auto* scales = reinterpret_cast<float*>(context.scratch);
    kernels->scales(channels, f32(in[1]), f32(in[4]), epsilon, scales);
    const float* scale = widen(scales, channels, fold, scales);
    const float* beta = widen(f32(in[2]), channels, fold, scales + columns);
    const float* mean = widen(f32(in[3]), channels, fold, scales + 2 * columns);
    const double cost = isTranscendental(activation) ? 1.0 : 0.3;
    forWideParts(
        context, x.livePixels(context.rows), channels, fold, cost, [&](int64_t pixel, int64_t wide, int64_t n) {
          kernels->normalize(wide, n, f32(in[0]) + pixel * x.pixelStride, fold * x.pixelStride, mean, scale, beta,
                             f32(out[0]) + pixel * y.pixelStride, fold * y.pixelStride, activation, slope);
        });
    return okStatus();
  };
  const size_t scratch = static_cast<size_t>(3 * fold * x.channels()) * sizeof(float);
  return makePlan(request, "elementwise", "batchNorm_inference_fwd_f32", scratch, body);
}

Status verifyBatchNormUpdateStatistics(const OpRequest& request) {
  constexpr const char* kOp = "batchNorm.updateStatistics";
  const int64_t channels = request.in[0].channels();
  STRIATE_TRY(check::isVector(kOp, "batchMean", request.in[0], channels));
  STRIATE_TRY(check::isVector(kOp, "batchVariance", request.in[1], channels));
  STRIATE_TRY(check::isVector(kOp, "runningMean", request.in[2], channels));
  STRIATE_TRY(check::isVector(kOp, "runningVariance", request.in[3], channels));
  STRIATE_TRY(check::isVector(kOp, "newMean", request.out[0], channels));
  STRIATE_TRY(check::isVector(kOp, "newVariance", request.out[1], channels));
  return check::isInteger(kOp, "pixelsPerRow", request.attributes[1], 1);
}

std::unique_ptr<OpPlan> planBatchNormUpdateStatistics(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kBatchNorm), channels = request.in[0].channels(),
                     momentum = static_cast<float>(request.attributes[0]), pixelsPerRow = request.attributes[1]](
                        const RunContext& context, const void* const* in, void* const* out) {
    // A commit step cannot fail, or it would tear the State; the biased variance of one value is 0, and so its unbiased
    // one here.
    const double count = static_cast<double>(context.rows) * pixelsPerRow;
    const auto factor = static_cast<float>(count > 1 ? count / (count - 1) : 1);
    kernels->blend(channels, f32(in[0]), 1, f32(in[2]), momentum, f32(out[0]));
    kernels->blend(channels, f32(in[1]), factor, f32(in[3]), momentum, f32(out[1]));
    return okStatus();
  };
  return makePlan(request, "elementwise", "batchNorm_updateStatistics_f32", 0, body);
}

Status verifyBatchNormFold(const OpRequest& request) {
  constexpr const char* kOp = "batchNorm.fold";
  const TensorDesc& gamma = request.in[1];
  const int64_t channels = gamma.channels();
  if (request.in[0].present) STRIATE_TRY(check::isVector(kOp, "bias", request.in[0], channels));
  STRIATE_TRY(check::isVector(kOp, "gamma", gamma, channels));
  STRIATE_TRY(check::isVector(kOp, "beta", request.in[2], channels));
  STRIATE_TRY(check::isVector(kOp, "mean", request.in[3], channels));
  STRIATE_TRY(check::isVector(kOp, "variance", request.in[4], channels));
  STRIATE_TRY(check::isVector(kOp, "scale", request.out[0], channels));
  return check::isVector(kOp, "shift", request.out[1], channels);
}

std::unique_ptr<OpPlan> planBatchNormFold(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kBatchNorm), channels = request.in[1].channels(),
                     epsilon = static_cast<float>(request.attributes[0])](const RunContext& context,
                                                                          const void* const* in, void* const* out) {
    const float* bias = f32(in[0]);
    if (bias == nullptr) {
      auto* zeros = reinterpret_cast<float*>(context.scratch);
      bias = std::fill_n(zeros, channels, 0.0f) - channels;
    }
    kernels->scales(channels, f32(in[1]), f32(in[4]), epsilon, f32(out[0]));
    // shift = (bias - mean) * scale + beta is the normalisation of the bias.
    kernels->normalize(1, channels, bias, channels, f32(in[3]), f32(out[0]), f32(in[2]), f32(out[1]), channels, 0, 0);
    return okStatus();
  };
  const size_t scratch = static_cast<size_t>(request.in[1].channels()) * sizeof(float);
  return makePlan(request, "elementwise", "batchNorm_fold_f32", scratch, body);
}

}  // namespace striate
