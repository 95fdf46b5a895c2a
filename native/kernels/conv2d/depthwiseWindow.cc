// Drives the tiles of depthwiseWindow.h: forward, and the input gradient of stride 1, which is the same sum with the
// filter turned by half a circle.
#include "kernels/conv2d/depthwiseWindow.h"

#include <cstring>

#include "kernels/conv2d/depthwise.h"
#include "kernels/plan.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr int64_t kL2Bytes = 512 << 10;   // of an image that leaves room for its outputs
constexpr double kCacheBytes = 32 << 20;  // x and y together; beyond, neither will be found there by whoever is next

Isa isaOf(const ConvRequest& request) {
  const bool inAvx512 = request.geometry.kernelH == 3;  // whose table has no other windows
  return inAvx512 ? isaOfChannels(request.op.isa, request.geometry.channels) : tableIsa(request.op.isa);
}

struct Side {
  int64_t height, width, pixel;
};

class Window final : public OpPlan {
 public:
  Window(const ConvRequest& request, const char* direction, const DepthwiseWindowKernel& kernel, int vectorWidth,
         bool turned)
      : g_(request.geometry),
        kernel_(kernel),
        width_(vectorWidth),
        turned_(turned),
        x_(turned ? Side{g_.oh, g_.ow, g_.outputPixel} : Side{g_.h, g_.w, g_.inputPixel}),
        y_(turned ? Side{g_.h, g_.w, g_.inputPixel} : Side{g_.oh, g_.ow, g_.outputPixel}),
        padTop_(turned ? g_.kernelH - 1 - g_.padTop : g_.padTop),
        padLeft_(turned ? g_.kernelW - 1 - g_.padLeft : g_.padLeft),
        residualPixel_(turned ? 0 : request.op.in[3].pixelStride),
        activation_(request.activation),
        slope_(request.slope),
        keepsPacked_(request.op.in[1].constant &&
                     (turned || !request.op.in[kConvScale].present || request.op.in[kConvScale].constant) &&
                     filterBytes() <= request.op.packedBudget) {
    const std::string tile =
        message::join(kernel.kernel, "x", kernel.kernel, "s", kernel.stride, "_", kernel.bandRows, "x", kernel.columns);
    this->kernel = convKernelName(direction, "depthwise", tile.c_str(), isaOf(request));
  }
  // Zeros, then the packed filter.
  size_t scratchBytes() const override { return zeroBytes() + (keepsPacked_ ? 0 : filterBytes()); }
  size_t packedBytes() const override { return keepsPacked_ ? filterBytes() : 0; }
  void pack(const RunContext&, const void* const* in, float* packed) const override {
    packDepthwise(f32(in[1]), turned_ ? nullptr : f32(in[kConvScale]), g_.taps(), g_.channels, g_.filterPixel, width_,
                  turned_, packed);
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::memset(context.scratch, 0, zeroBytes());
    const float* w = context.packed;
    if (!keepsPacked_) {
      float* packed = reinterpret_cast<float*>(context.scratch + zeroBytes());
      pack(context, in, packed);
      w = packed;
    }
    const int64_t images = g_.liveImages(context.rows);
    const int64_t bands = (y_.height + kernel_.bandRows - 1) / kernel_.bandRows;
    const float* residual = turned_ ? nullptr : f32(in[3]);
    DepthwiseBand shared;
    shared.height = x_.height;
    shared.width = x_.width;
    shared.xRow = x_.width * x_.pixel;
    shared.xPixel = x_.pixel;
    shared.zeros = reinterpret_cast<const float*>(context.scratch);
    shared.outWidth = y_.width;
    shared.yRow = y_.width * y_.pixel;
    shared.yPixel = y_.pixel;
    shared.residualRow = y_.width * residualPixel_;
    shared.residualPixel = residualPixel_;
    shared.w = w;
    shared.bias = turned_ ? nullptr : f32(in[2]);
    shared.padTop = padTop_;
    shared.padLeft = padLeft_;
    shared.channels = g_.channels;
    shared.activation = activation_;
    shared.slope = slope_;
    shared.beyondCaches = beyondCaches(images);
    shared.streams = shared.beyondCaches && g_.channels % width_ == 0 &&
                     reinterpret_cast<uintptr_t>(out[0]) % (static_cast<size_t>(width_) * sizeof(float)) == 0;
    forRanges(context, images * bands, bandNanoseconds(), 1, [&](int64_t begin, int64_t end) {
      DepthwiseBand band = shared;
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t image = unit / bands;
        band.firstRow = unit % bands * kernel_.bandRows;
        band.rows = std::min<int64_t>(kernel_.bandRows, y_.height - band.firstRow);
        band.x = f32(in[0]) + image * x_.height * shared.xRow;
        const int64_t row = image * y_.height + band.firstRow;
        band.y = f32(out[0]) + row * shared.yRow;
        band.residual = residual == nullptr ? nullptr : residual + row * shared.residualRow;
        kernel_.band(band);
      }
    });
    return okStatus();
  }

 private:
  static size_t floatBytes(int64_t count) { return (static_cast<size_t>(count) * sizeof(float) + 63) & ~size_t{63}; }
  size_t zeroBytes() const { return floatBytes(g_.channels); }
  size_t filterBytes() const { return floatBytes(packedChannels(g_.channels, width_) * g_.taps()); }
  double bandNanoseconds() const {
    const double flopsPerNanosecond = kernel_.stride == 1 ? 80 : 50;
    return 2.0 * static_cast<double>(kernel_.bandRows * y_.width * g_.taps()) * static_cast<double>(g_.channels) /
           flopsPerNanosecond;
  }
  bool beyondCaches(int64_t images) const {
    const double bytes = sizeof(float) * static_cast<double>(images) * static_cast<double>(g_.channels) *
                         static_cast<double>(x_.height * x_.width + y_.height * y_.width);
    return bytes > kCacheBytes && y_.pixel == g_.channels && kernel_.columns * y_.pixel <= kDepthwiseStageFloats;
  }

  ConvGeometry g_;
  const DepthwiseWindowKernel& kernel_;
  int64_t width_;
  bool turned_;
  Side x_, y_;
  int64_t padTop_, padLeft_, residualPixel_;
  int activation_;
  float slope_;
  bool keepsPacked_;
};

std::unique_ptr<OpPlan> planWindow(const ConvRequest& request, const char* direction, bool turned) {
  const ConvGeometry& g = request.geometry;
  const DepthwiseWindowKernels& kernels = STRIATE_KERNELS_TO_AVX512(isaOf(request), kDepthwiseWindow);
  if (g.groupFilters() != 1 || g.dilationH != 1 || g.dilationW != 1 || g.channels < kernels.vectorWidth) return nullptr;
  const DepthwiseWindowKernel* chosen = nullptr;
  const bool inL2 = g.h * g.w * g.channels * static_cast<int64_t>(sizeof(float)) <= kL2Bytes;
  for (const DepthwiseWindowKernel& kernel : kernels.window) {
    if (g.kernelH == kernel.kernel && g.kernelW == kernel.kernel && g.strideH == kernel.stride &&
        g.strideW == kernel.stride && (chosen == nullptr || !inL2))
      chosen = &kernel;
  }
  return chosen == nullptr ? nullptr
                           : std::make_unique<Window>(request, direction, *chosen, kernels.vectorWidth, turned);
}

}  // namespace

void packDepthwise(const float* filter, const float* scale, int64_t taps, int64_t channels, int64_t filterPixel,
                   int64_t width, bool turned, float* packed) {
  for (int64_t next = 0; next < channels; next += width) {
    const int64_t c = std::min(next, channels - width);
    for (int64_t t = 0; t < taps; ++t, packed += width) {
      const float* from = filter + (turned ? taps - 1 - t : t) * filterPixel + c;
      for (int64_t i = 0; i < width; ++i) packed[i] = scale == nullptr ? from[i] : from[i] * scale[c + i];
    }
  }
}

std::unique_ptr<OpPlan> planDepthwiseWindowForward(const ConvRequest& request) {
  return planWindow(request, "fwd", false);
}

std::unique_ptr<OpPlan> planDepthwiseWindowBackwardInput(const ConvRequest& request) {
  return request.geometry.strideH == 1 && request.geometry.strideW == 1 ? planWindow(request, "bwd_input", true)
                                                                        : nullptr;
}

}  // namespace striate
