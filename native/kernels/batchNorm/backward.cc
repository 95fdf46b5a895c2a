// Gradients of both forms. With N live pixels, s = gamma / sqrt(variance + epsilon) and d = x - mean:
//
//   dbeta = sum dy,  dgamma = sum dy * d / sqrt(variance + epsilon)
//   inference   dx = dy * s
//   train       dx = s * (dy - dbeta / N - d * (sum dy * d) / (N * (variance + epsilon)))
//
// Bound by memory: two sweeps over x and dy, one over dx. Zen 4, 64 x 32 x 32 x 32 floats (8.4 MB) each: 1.0 ms on one
// thread, 41 GB/s; 1.9 times as fast on two. So the gradient of a relu behind batch norm is taken in the same sweeps,
// its side of the kink computed again from x, since a step of its own would move 25 MB more (0.4 ms); and so are the
// channel sums of dx, while its block is in the first level cache (0.2 ms as a step).
#include <cmath>

#include "kernels/batchNorm/batchNorm.h"
#include "kernels/batchNorm/ops.h"
#include "kernels/channelSums.h"
#include "kernels/check.h"
#include "kernels/plan.h"

namespace striate {
namespace {

Status verifyBackward(const char* op, const OpRequest& request) {
  const TensorDesc& x = request.in[0];
  STRIATE_TRY(check::hasChannels(op, "x", x));
  STRIATE_TRY(check::isVector(op, "gamma", request.in[1], x.channels()));
  STRIATE_TRY(check::isVector(op, "mean", request.in[2], x.channels()));
  STRIATE_TRY(check::isVector(op, "variance", request.in[3], x.channels()));
  STRIATE_TRY(check::matches(op, "dy", request.in[4], "x", x));
  STRIATE_TRY(check::matches(op, "dx", request.out[0], "x", x));
  STRIATE_TRY(check::isVector(op, "dgamma", request.out[1], x.channels()));
  return check::isVector(op, "dbeta", request.out[2], x.channels());
}

class Backward {
 public:
  Backward(const OpRequest& request, bool train)
      : train_(train),
        kernels_(STRIATE_KERNELS(request.isa, kBatchNorm)),
        arithmetic_(STRIATE_KERNELS(request.isa, kArithmetic)),
        x_(request.in[0]),
        dy_(request.in[4]),
        dx_(request.out[0]),
        chunking_(Chunking::of(x_, x_.dense() && dy_.dense() && dx_.dense())),
        epsilon_(request.attributes[0]),
        activation_(train ? static_cast<int>(request.attributes[1]) : 0),
        activationSlope_(train ? static_cast<float>(request.attributes[2]) : 0),
        sums_(train && request.out[3].present) {}

  // Two partial sums per chunk, then six parameters per column.
  size_t scratchBytes() const {
    return static_cast<size_t>((chunking_.chunks * 2 + 6) * chunking_.columns) * sizeof(float);
  }

  Status operator()(const RunContext& context, const void* const* in, void* const* out) const {
    const int64_t pixels = x_.livePixels(context.rows), chunks = chunking_.liveChunks(pixels);
    const int64_t channels = chunking_.channels, columns = chunking_.columns, fold = chunking_.fold;
    auto* partials = reinterpret_cast<float*>(context.scratch);
    float* parameters = partials + chunking_.chunks * 2 * columns;
    float *scales = parameters + columns, *slopes = scales + columns, *offsets = slopes + columns;
    const float *x = f32(in[0]), *dy = f32(in[4]);
    // Copies, since a result may replace an operand.
    std::copy_n(f32(in[2]), channels, parameters);
    const float* mean = widen(parameters, channels, fold, parameters);
    BatchNormActivation behind = {nullptr, nullptr, activation_, activationSlope_};
    if (activation_ != kActivationNone) {
      float *forwardScales = offsets + columns, *betas = forwardScales + columns;
      kernels_.scales(channels, f32(in[1]), f32(in[3]), static_cast<float>(epsilon_), forwardScales);
      std::copy_n(f32(in[5]), channels, betas);
      behind.scale = widen(forwardScales, channels, fold, forwardScales);
      behind.beta = widen(betas, channels, fold, betas);
    }

    const double chunkCost = 0.4 * static_cast<double>(chunking_.chunkPixels * channels);
    forRanges(context, chunks, chunkCost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        float *sums = partials + chunk * 2 * columns, *products = sums + columns;
        std::memset(sums, 0, static_cast<size_t>(2 * columns) * sizeof(float));
        chunking_.forWidePixels(chunk, pixels, [&](int64_t pixel, int64_t wide, int64_t n) {
          kernels_.addGradients(wide, n, x + pixel * x_.pixelStride, fold * x_.pixelStride, mean,
                                dy + pixel * dy_.pixelStride, fold * dy_.pixelStride, behind, sums, products);
        });
      }
    });
    const double blockCost = 2.0 * static_cast<double>(chunks * fold) + 10;
    forRanges(context, channels, blockCost, kCombineBlock, [&](int64_t begin, int64_t end) {
      for (int64_t first = begin; first < end; first += kCombineBlock) {
        const int64_t n = std::min(kCombineBlock, end - first);
        double sums[kCombineBlock], products[kCombineBlock];
        combineSums(chunking_, chunks, partials, 2 * columns, first, n, sums);
        combineSums(chunking_, chunks, partials + columns, 2 * columns, first, n, products);
        const float *gamma = f32(in[1]) + first, *variance = f32(in[3]) + first;
        const double share = 1.0 / static_cast<double>(pixels);
        for (int64_t c = 0; c < n; ++c) {
          const double inverse = 1.0 / std::sqrt(static_cast<double>(variance[c]) + epsilon_);
          const double scale = gamma[c] * inverse;
          f32(out[1])[first + c] = static_cast<float>(products[c] * inverse);
          f32(out[2])[first + c] = static_cast<float>(sums[c]);
          scales[first + c] = static_cast<float>(scale);
          slopes[first + c] = static_cast<float>(-scale * inverse * inverse * products[c] * share);
          offsets[first + c] = static_cast<float>(-scale * sums[c] * share);
        }
      }
    });
    widen(scales, channels, fold, scales);
    widen(slopes, channels, fold, slopes);
    widen(offsets, channels, fold, offsets);
    const auto apply = [&](int64_t pixel, int64_t wide, int64_t n) {
      const float* gradient = dy + pixel * dy_.pixelStride;
      float* target = f32(out[0]) + pixel * dx_.pixelStride;
      if (train_) {
        kernels_.applyGradient(wide, n, x + pixel * x_.pixelStride, fold * x_.pixelStride, gradient,
                               fold * dy_.pixelStride, mean, behind, scales, slopes, offsets, target,
                               fold * dx_.pixelStride);
      } else {
        kernels_.multiply(wide, n, gradient, fold * dy_.pixelStride, scales, target, fold * dx_.pixelStride);
      }
    };
    if (sums_) {
      writeAndSum(context, chunking_, pixels, 0.5, arithmetic_, partials, f32(out[0]), dx_.pixelStride, f32(out[3]),
                  apply);
    } else {
      forWideParts(context, pixels, channels, fold, 0.4, apply);
    }
    return okStatus();
  }

 private:
  bool train_;
  const BatchNormKernels& kernels_;
  const ArithmeticKernels& arithmetic_;
  TensorDesc x_, dy_, dx_;
  Chunking chunking_;
  double epsilon_;
  int activation_;
  float activationSlope_;
  bool sums_;
};

std::unique_ptr<OpPlan> planBackward(const OpRequest& request, bool train) {
  Backward backward(request, train);
  const size_t scratch = backward.scratchBytes();
  const char* kernel = train ? "batchNorm_train_bwd_input_f32" : "batchNorm_inference_bwd_input_f32";
  return makePlan(request, "chunkedSum", kernel, scratch, std::move(backward));
}

}  // namespace

Status verifyBatchNormInferenceBackward(const OpRequest& request) {
  return verifyBackward("batchNorm.inferenceBackward", request);
}
std::unique_ptr<OpPlan> planBatchNormInferenceBackward(const OpRequest& request) {
  return planBackward(request, false);
}
Status verifyBatchNormTrainBackward(const OpRequest& request) {
  constexpr const char* kOp = "batchNorm.trainBackward";
  STRIATE_TRY(verifyBackward(kOp, request));
  const TensorDesc &beta = request.in[5], &sums = request.out[3];
  STRIATE_TRY(check::isActivation(kOp, request.attributes[1], request.attributes[2]));
  STRIATE_REFUSE_IF(beta.present != (request.attributes[1] != 0), kOp,
                    ": activation and beta must come together, got activation ", request.attributes[1],
                    beta.present ? " with beta" : " without beta");
  if (beta.present) STRIATE_TRY(check::isVector(kOp, "beta", beta, request.in[0].channels()));
  return sums.present ? check::isVector(kOp, "sums", sums, request.in[0].channels()) : okStatus();
}
std::unique_ptr<OpPlan> planBatchNormTrainBackward(const OpRequest& request) { return planBackward(request, true); }

}  // namespace striate
