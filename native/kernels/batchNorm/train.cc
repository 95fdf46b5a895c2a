// batchNorm.train: statistics of the live rows in one sweep over x, then the normalisation.
//
// Each chunk of pixels sums d = x - k and d^2 about a shift k of its own per column, the mean of its first m >= n/16 of
// n pixels (and at least 16). By Cauchy-Schwarz (k - mean)^2 <= (n/m) * variance of the chunk, whatever the data: so
// sum d^2 is at most 17 times the sum of squares about the mean, and what cancels in sum d^2 - (sum d)^2 / n costs 4
// bits at worst, none as a rule. The chunks are combined in float64 as in Chan, Golub and LeVeque, "Algorithms for
// computing the sample variance" (1983).
#include "kernels/batchNorm/batchNorm.h"
#include "kernels/batchNorm/ops.h"
#include "kernels/check.h"
#include "kernels/plan.h"

namespace striate {
namespace {

// Partials of a chunk: shift, sum d, sum d^2, each for all columns.
constexpr int64_t kParts = 3;

class Train {
 public:
  explicit Train(const OpRequest& request)
      : kernels_(STRIATE_KERNELS(request.isa, kBatchNorm)),
        x_(request.in[0]),
        y_(request.out[0]),
        chunking_(Chunking::of(x_, x_.dense() && y_.dense())),
        epsilon_(static_cast<float>(request.attributes[0])),
        activation_(static_cast<int>(request.attributes[1])),
        slope_(static_cast<float>(request.attributes[2])) {}

  size_t scratchBytes() const {
    return static_cast<size_t>((chunking_.chunks * kParts + 3) * chunking_.columns) * sizeof(float);
  }

  Status operator()(const RunContext& context, const void* const* in, void* const* out) const {
    const int64_t pixels = x_.livePixels(context.rows), chunks = chunking_.liveChunks(pixels);
    const int64_t channels = chunking_.channels, columns = chunking_.columns, fold = chunking_.fold;
    auto* partials = reinterpret_cast<float*>(context.scratch);
    const double chunkCost = 0.25 * static_cast<double>(chunking_.chunkPixels * channels);
    forRanges(context, chunks, chunkCost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk)
        sumChunk(f32(in[0]), chunk, pixels, partials + chunk * kParts * columns);
    });
    const double blockCost = 3.0 * static_cast<double>(chunks * fold);
    forRanges(context, channels, blockCost, kCombineBlock, [&](int64_t begin, int64_t end) {
      for (int64_t first = begin; first < end; first += kCombineBlock) {
        combine(partials, pixels, first, std::min(kCombineBlock, end - first), f32(out[1]), f32(out[2]));
      }
    });
    float* parameters = partials + chunking_.chunks * kParts * columns;
    kernels_.scales(channels, f32(in[1]), f32(out[2]), epsilon_, parameters);
    const float* scale = widen(parameters, channels, fold, parameters);
    const float* beta = widen(f32(in[2]), channels, fold, parameters + columns);
    const float* mean = widen(f32(out[1]), channels, fold, parameters + 2 * columns);
    forWideParts(context, pixels, channels, fold, isTranscendental(activation_) ? 1.0 : 0.3,
                 [&](int64_t pixel, int64_t wide, int64_t n) {
                   kernels_.normalize(wide, n, f32(in[0]) + pixel * x_.pixelStride, fold * x_.pixelStride, mean, scale,
                                      beta, f32(out[0]) + pixel * y_.pixelStride, fold * y_.pixelStride, activation_,
                                      slope_);
                 });
    return okStatus();
  }

 private:
  void sumChunk(const float* x, int64_t chunk, int64_t pixels, float* partial) const {
    const int64_t columns = chunking_.columns, stride = chunking_.fold * x_.pixelStride;
    float *shift = partial, *first = partial + columns, *second = partial + 2 * columns;
    std::memset(partial, 0, static_cast<size_t>(kParts * columns) * sizeof(float));
    bool shifted = false;
    chunking_.forWidePixels(chunk, pixels, [&](int64_t pixel, int64_t wide, int64_t n) {
      const float* source = x + pixel * x_.pixelStride;
      if (!shifted) {
        const int64_t sample = std::min(wide, std::max<int64_t>(16, wide / 16));
        kernels_.addColumns(sample, n, source, stride, shift);
        const float share = 1.0f / static_cast<float>(sample);
        for (int64_t c = 0; c < n; ++c) shift[c] *= share;
        shifted = true;
      }
      kernels_.addMoments(wide, n, source, stride, shift, first, second);
    });
  }

  void combine(const float* partials, int64_t pixels, int64_t firstChannel, int64_t n, float* mean,
               float* variance) const {
    const int64_t columns = chunking_.columns, chunks = chunking_.liveChunks(pixels);
    double total[kCombineBlock] = {}, squares[kCombineBlock] = {};
    const auto forPartials = [&](const auto& visit) {
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        for (int64_t f = 0; f < chunking_.fold; ++f) {
          const auto count = static_cast<double>(chunking_.pixelsOfFold(chunk, pixels, f));
          if (count == 0) return;  // the last chunk is narrower than a wide pixel
          visit(count, partials + chunk * kParts * columns + f * chunking_.channels + firstChannel);
        }
      }
    };
    forPartials([&](double count, const float* partial) {
      const float *shift = partial, *first = partial + columns;
      for (int64_t c = 0; c < n; ++c) total[c] += count * static_cast<double>(shift[c]) + static_cast<double>(first[c]);
    });
    const double share = 1.0 / static_cast<double>(pixels);
    for (int64_t c = 0; c < n; ++c) total[c] *= share;
    forPartials([&](double count, const float* partial) {
      const float *shift = partial, *first = partial + columns, *second = partial + 2 * columns;
      const double countShare = 1.0 / count;
      for (int64_t c = 0; c < n; ++c) {
        const double inner = static_cast<double>(first[c]) * countShare;
        const double distance = static_cast<double>(shift[c]) + inner - total[c];
        squares[c] +=
            static_cast<double>(second[c]) - inner * static_cast<double>(first[c]) + count * distance * distance;
      }
    });
    for (int64_t c = 0; c < n; ++c) {
      mean[firstChannel + c] = static_cast<float>(total[c]);
      variance[firstChannel + c] = static_cast<float>(squares[c] < 0 ? 0 : squares[c] * share);
    }
  }

  const BatchNormKernels& kernels_;
  TensorDesc x_, y_;
  Chunking chunking_;
  float epsilon_;
  int activation_;
  float slope_;
};

}  // namespace

Status verifyBatchNormTrain(const OpRequest& request) {
  constexpr const char* kOp = "batchNorm.train";
  const TensorDesc& x = request.in[0];
  STRIATE_TRY(check::isActivation(kOp, request.attributes[1], request.attributes[2]));
  STRIATE_TRY(check::hasChannels(kOp, "x", x));
  STRIATE_TRY(check::isVector(kOp, "gamma", request.in[1], x.channels()));
  STRIATE_TRY(check::isVector(kOp, "beta", request.in[2], x.channels()));
  STRIATE_TRY(check::matches(kOp, "y", request.out[0], "x", x));
  STRIATE_TRY(check::isVector(kOp, "mean", request.out[1], x.channels()));
  return check::isVector(kOp, "variance", request.out[2], x.channels());
}

std::unique_ptr<OpPlan> planBatchNormTrain(const OpRequest& request) {
  Train train(request);
  const size_t scratch = train.scratchBytes();
  return makePlan(request, "shiftedMoments", "batchNorm_train_fwd_f32", scratch, std::move(train));
}

}  // namespace striate
