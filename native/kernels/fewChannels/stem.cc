// The driver of stem.h: bands of tile rows as tasks; for six neighbouring tiles V, then panel by panel M and y, so that
// V and M stay in L1 while U streams from L2.
#include "kernels/fewChannels/stem.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "base/oldest_system.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/plan.h"

namespace striate {
namespace {

constexpr int64_t kPoints = kStemPoints * kStemPoints;
constexpr double kTaskFlops = 5e6;      // 25 us at 200 GFLOP/s of the plain definition
constexpr double kSplitFlops = 1e6;     // of one image, which is two tasks from there on
constexpr int64_t kMostChannels = 4;    // of a phase: more has other algorithms
constexpr int64_t kLeastPixels = 1024;  // of an output, below which the transforms of partial tiles cost too much

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
size_t floatBytes(int64_t floats) { return (static_cast<size_t>(floats) * sizeof(float) + 63) & ~size_t{63}; }

Isa isaOf(const ConvRequest& request) { return isaOfPanels(request.op.isa, request.geometry.filters); }
const StemKernels& stemKernels(const ConvRequest& request) { return STRIATE_KERNELS_TO_AVX512(isaOf(request), kStem); }

// Rows of G: tap q of a kernel of r taps weighs scale * x^q at the point x, and only the last at infinity.
double weightAt(int point, int64_t tap, int64_t taps) {
  constexpr double kB = 1.4142135623730951, kPointX[] = {0, kB / 2, -kB / 2, kB, -kB};
  constexpr double kScale[] = {1, -2.0 / 3, -2.0 / 3, 1.0 / 6, 1.0 / 6};
  if (point == 5) return tap == taps - 1 ? std::pow(kB, static_cast<double>(kStemPoints - taps)) : 0;  // a^-(m - 1)
  double power = 1;
  for (int64_t q = 0; q < tap; ++q) power *= kPointX[point];
  return kScale[point] * power;
}

class Stem final : public OpPlan {
 public:
  explicit Stem(const ConvRequest& request)
      : g_(request.geometry),
        kernels_(stemKernels(request)),
        stride_(g_.strideH),
        taps_(ceilDiv(g_.kernelH, stride_)),
        outputs_(kStemPoints + 1 - taps_),
        depth_(stride_ * stride_ * g_.channels),
        activation_(request.activation),
        slope_(request.slope),
        keepsPacked_(request.op.in[1].constant &&
                     (!request.op.in[kConvScale].present || request.op.in[kConvScale].constant) &&
                     filterBytes() <= request.op.packedBudget) {
    tileRows_ = ceilDiv(g_.oh, outputs_);
    tileColumns_ = ceilDiv(g_.ow, outputs_);
    lineFloats_ = std::max(g_.padLeft + g_.w, ((tileColumns_ - 1) * outputs_ + kStemPoints) * stride_) * g_.channels +
                  kStemMostLanes;
    const double rowFlops = g_.flops() / static_cast<double>(g_.images * tileRows_);
    const int64_t mostRows = g_.images == 1 && g_.flops() >= kSplitFlops ? ceilDiv(tileRows_, 2) : tileRows_;
    bandRows_ = std::clamp<int64_t>(static_cast<int64_t>(kTaskFlops / rowFlops + 1), 1, mostRows);
    bands_ = ceilDiv(tileRows_, bandRows_);
    kernel = convKernelName("fwd", "stem", outputs_ == 3 ? "f3x4" : "f4x3", isaOf(request));
  }

  size_t scratchBytes() const override {
    return (keepsPacked_ ? 0 : filterBytes()) + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots());
  }
  size_t packedBytes() const override { return keepsPacked_ ? filterBytes() : 0; }

  // U = G g G^T, in double: the error of the transforms of data is enough.
  void pack(const RunContext&, const void* const* in, float* packed) const override {
    const float* filter = f32(in[1]);
    const float* scale = f32(in[kConvScale]);
    for (int64_t panel = 0; panel < g_.filters; panel += kernels_.width) {
      for (int64_t p = 0; p < kPoints; ++p) {
        for (int64_t phase = 0; phase < stride_ * stride_; ++phase) {
          for (int64_t c = 0; c < g_.channels; ++c, packed += kernels_.width) {
            double sums[kStemMostLanes * 2] = {};
            for (int64_t a = phase / stride_; a < g_.kernelH; a += stride_) {
              for (int64_t b = phase % stride_; b < g_.kernelW; b += stride_) {
                const double weight = weightAt(static_cast<int>(p / kStemPoints), a / stride_, taps_) *
                                      weightAt(static_cast<int>(p % kStemPoints), b / stride_, taps_);
                const float* from = filter + ((a * g_.kernelW + b) * g_.channels + c) * g_.filterPixel + panel;
                for (int f = 0; f < kernels_.width; ++f) sums[f] += weight * static_cast<double>(from[f]);
              }
            }
            for (int f = 0; f < kernels_.width; ++f) {
              const double factor = scale == nullptr ? 1 : static_cast<double>(scale[panel + f]);
              packed[f] = static_cast<float>(sums[f] * factor);
            }
          }
        }
      }
    }
  }

  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    const float* u = context.packed;
    std::byte* slots = context.scratch;
    if (!keepsPacked_) {
      float* packed = reinterpret_cast<float*>(slots);
      pack(context, in, packed);
      u = packed;
      slots += filterBytes();
    }
    context.pool->parallelFor(g_.liveImages(context.rows) * bands_, [&](int64_t task) {
      std::byte* scratch = slots + slotBytes() * static_cast<size_t>(ThreadPool::slot());
      const int64_t first = task % bands_ * bandRows_;
      runBand(f32(in[0]), u, f32(in[2]), f32(out[0]), task / bands_, first, std::min(bandRows_, tileRows_ - first),
              scratch);
    });
    return okStatus();
  }

 private:
  int64_t lines(int64_t tileRows) const { return ((tileRows - 1) * outputs_ + kStemPoints) * stride_; }
  int64_t vFloats() const { return kPoints * vPoint(); }
  int64_t vPoint() const { return kStemTiles * depth_ + kStemMostLanes; }
  size_t filterBytes() const { return floatBytes(kPoints * depth_ * g_.filters); }
  size_t linesBytes() const { return floatBytes(lines(bandRows_) * lineFloats_ + kStemMostLanes); }
  size_t slotBytes() const {
    return linesBytes() + floatBytes(vFloats()) + floatBytes(kPoints * kStemTiles * kernels_.width);
  }
  // The lines that the next panel, or the next six tiles, will write: at 256 bytes from pixel to pixel the hardware
  // does not see them coming. 224x224x64 of results: 1.6 ms instead of 2.6.
  void prefetch([[maybe_unused]] const float* y, int64_t rows) const {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < outputs_; ++j) {
#if defined(__GNUC__)
        __builtin_prefetch(y + (i * g_.ow + j) * g_.outputPixel, 1);
#endif
      }
    }
  }

  void loadLine(const float* x, int64_t image, int64_t line, float* to) const {
    std::memset(to, 0, static_cast<size_t>(lineFloats_) * sizeof(float));
    if (line < 0 || line >= g_.h) return;
    const float* from = x + (image * g_.h + line) * g_.w * g_.inputPixel;
    to += g_.padLeft * g_.channels;
    if (g_.inputPixel == g_.channels) {
      std::memcpy(to, from, static_cast<size_t>(g_.w * g_.channels) * sizeof(float));
      return;
    }
    for (int64_t j = 0; j < g_.w; ++j, from += g_.inputPixel, to += g_.channels) {
      for (int64_t c = 0; c < g_.channels; ++c) to[c] = from[c];
    }
  }

  void runBand(const float* x, const float* u, const float* bias, float* y, int64_t image, int64_t firstRow,
               int64_t rows, std::byte* scratch) const {
    float* copy = reinterpret_cast<float*>(scratch);
    float* v = reinterpret_cast<float*>(scratch + linesBytes());
    float* m = reinterpret_cast<float*>(scratch + linesBytes() + floatBytes(vFloats()));
    const int64_t firstLine = firstRow * outputs_ * stride_ - g_.padTop;
    for (int64_t i = 0; i < lines(rows); ++i) loadLine(x, image, firstLine + i, copy + i * lineFloats_);

    StemInput input;
    input.line = lineFloats_;
    input.stride = stride_;
    input.run = stride_ * g_.channels;
    input.vPoint = vPoint();
    StemProduct product;
    product.v = v;
    product.vPoint = vPoint();
    product.depth = depth_;
    product.m = m;
    StemOutput output;
    output.row = g_.ow * g_.outputPixel;
    output.pixel = g_.outputPixel;
    output.activation = activation_;
    output.slope = slope_;
    const int64_t step = outputs_ * stride_;
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t top = (firstRow + row) * outputs_;
      output.rows = static_cast<int>(std::min(outputs_, g_.oh - top));
      for (int64_t column = 0; column < tileColumns_; column += kStemTiles) {
        const int64_t tiles = std::min<int64_t>(kStemTiles, tileColumns_ - column);
        for (int64_t t = 0; t < tiles; ++t) {
          input.x = copy + row * step * lineFloats_ + (column + t) * step * g_.channels;
          input.v = v + t * depth_;
          kernels_.input(input);
        }
        for (int64_t panel = 0; panel < g_.filters; panel += kernels_.width) {
          product.u = u + panel * kPoints * depth_;
          kernels_.product[tiles - 1](product);
          output.bias = bias == nullptr ? nullptr : bias + panel;
          for (int64_t t = 0; t < tiles; ++t) {
            const int64_t left = (column + t) * outputs_;
            output.columns = static_cast<int>(std::min(outputs_, g_.ow - left));
            output.m = m + t * kernels_.width;
            output.y = y + ((image * g_.oh + top) * g_.ow + left) * g_.outputPixel + panel;
            prefetch(output.y + (panel + kernels_.width < g_.filters ? kernels_.width
                                                                     : outputs_ * kStemTiles * g_.outputPixel - panel),
                     output.rows);
            kernels_.output[outputs_ - 3](output);
          }
        }
      }
    }
  }

  ConvGeometry g_;
  const StemKernels& kernels_;
  int64_t stride_, taps_, outputs_, depth_;
  int activation_;
  float slope_;
  bool keepsPacked_;
  int64_t tileRows_ = 0, tileColumns_ = 0, lineFloats_ = 0;
  int64_t bandRows_ = 0, bands_ = 0;
};

}  // namespace

std::unique_ptr<OpPlan> planStemForward(const ConvRequest& request, std::string* why) {
  const ConvGeometry& g = request.geometry;
  const int64_t taps = ceilDiv(g.kernelH, g.strideH);
  if (request.exact) {
    *why = "the layer asks for exact sums";
  } else if (g.groups != 1) {
    *why = message::join(g.groups, " groups");
  } else if (g.channels > kMostChannels) {
    *why = message::join(g.channels, " input channels, more than ", kMostChannels);
  } else if (g.kernelH != g.kernelW || g.strideH != g.strideW || g.dilationH != 1 || g.dilationW != 1) {
    *why = "kernel or stride is not square, or dilated";
  } else if (g.strideH > 2 || taps < 3 || taps > 4) {
    *why = message::join(taps, " taps per phase of stride ", g.strideH);
  } else if (g.filters % 16 != 0) {
    *why = message::join(g.filters, " filters, no multiple of 16");
  } else if (g.oh * g.ow < kLeastPixels) {
    *why = message::join(g.oh * g.ow, " output pixels, fewer than ", kLeastPixels);
  } else if (g.padLeft > 16) {
    *why = message::join("padding of ", g.padLeft);
  } else if (request.op.in[3].present || isTranscendental(request.activation)) {
    *why = "the epilogue is more than bias and a simple activation";
  } else {
    return std::make_unique<Stem>(request);
  }
  return nullptr;
}

}  // namespace striate
