// The driver of stem3x3.h: rows of the output as tasks.
#include "kernels/fewChannels/stem3x3.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/plan.h"
#include "kernels/split.h"

namespace striate {
namespace {

size_t floatBytes(int64_t floats) { return (static_cast<size_t>(floats) * sizeof(float) + 63) & ~size_t{63}; }

Isa isaOf(const ConvRequest& request) { return isaOfPanels(request.op.isa, request.geometry.filters); }
const Stem3x3Kernels& stem3x3Kernels(const ConvRequest& request) {
  return STRIATE_KERNELS_TO_AVX512(isaOf(request), kStem3x3);
}

class Stem3x3 final : public OpPlan {
 public:
  explicit Stem3x3(const ConvRequest& request)
      : g_(request.geometry),
        kernels_(stem3x3Kernels(request)),
        run_(3 * g_.channels),
        step_(g_.strideW * g_.channels),
        activation_(request.activation),
        slope_(request.slope),
        keepsPacked_(request.op.in[1].constant &&
                     (!request.op.in[kConvScale].present || request.op.in[kConvScale].constant) &&
                     filterBytes() <= request.op.packedBudget),
        zeros_(static_cast<size_t>(g_.w * g_.channels)) {
    kernel = convKernelName("fwd", "stem3x3", message::join(kPixels, "x", kernels_.width).c_str(), isaOf(request));
  }

  size_t scratchBytes() const override { return keepsPacked_ ? 0 : filterBytes(); }
  size_t packedBytes() const override { return keepsPacked_ ? filterBytes() : 0; }

  void pack(const RunContext&, const void* const* in, float* packed) const override {
    const float* scale = f32(in[kConvScale]);
    for (int64_t panel = 0; panel < g_.filters; panel += kernels_.width) {
      const float* from = f32(in[1]) + panel;
      for (int64_t k = 0; k < 3 * run_; ++k, from += g_.filterPixel, packed += kernels_.width) {
        for (int f = 0; f < kernels_.width; ++f) packed[f] = scale == nullptr ? from[f] : from[f] * scale[panel + f];
      }
    }
  }

  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    const float* filter = context.packed;
    if (!keepsPacked_) {
      float* packed = reinterpret_cast<float*>(context.scratch);
      pack(context, in, packed);
      filter = packed;
    }
    Stem3x3Row shared;
    shared.step = step_;
    shared.filter = filter;
    shared.panels = g_.filters / kernels_.width;
    shared.bias = f32(in[2]);
    shared.yPixel = g_.outputPixel;
    shared.activation = activation_;
    shared.slope = slope_;
    const double rowNanoseconds = g_.flops() / static_cast<double>(g_.images * g_.oh) / kFlopsPerNanosecond;
    forRanges(context, g_.liveImages(context.rows) * g_.oh, rowNanoseconds, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) runRow(f32(in[0]), f32(out[0]), row, shared);
    });
    return okStatus();
  }

 private:
  static constexpr int64_t kPixels = kStem3x3Pixels;
  static constexpr int64_t kMostEdge = (2 * (kPixels - 1) + 3) * kStem3x3Channels;

  size_t filterBytes() const { return floatBytes(3 * run_ * g_.filters); }

  void runRow(const float* x, float* y, int64_t row, const Stem3x3Row& shared) const {
    const float* lines[3];
    const int64_t top = row % g_.oh * g_.strideH - g_.padTop;
    for (int64_t a = 0; a < 3; ++a) {
      const bool inside = top + a >= 0 && top + a < g_.h;
      lines[a] = inside ? x + ((row / g_.oh) * g_.h + top + a) * g_.w * g_.channels : zeros_.data();
    }
    const auto kernel = kernels_.row[g_.channels - 1];
    for (int64_t column = 0; column < g_.ow;) {
      column = std::min(column, g_.ow - kPixels);  // the last tile meets pixels again and gives them the same bits
      Stem3x3Row part = shared;
      part.y = y + (row * g_.ow + column) * g_.outputPixel;
      const int64_t first = (column * g_.strideW - g_.padLeft) * g_.channels;
      part.tiles = first < 0 ? 0 : wholeTiles(first, g_.ow - column);
      if (part.tiles > 0) {
        for (int a = 0; a < 3; ++a) part.lines[a] = lines[a] + first;
        kernel(part);
        column += part.tiles * kPixels;
      } else {
        float edge[3][kMostEdge];
        for (int a = 0; a < 3; ++a) {
          copyEdge(lines[a], first, edge[a]);
          part.lines[a] = edge[a];
        }
        part.tiles = 1;
        kernel(part);
        column += kPixels;
      }
    }
  }

  // Tiles from the pixel whose window begins at a line's float `first` on that stay within the line and `pixels`.
  int64_t wholeTiles(int64_t first, int64_t pixels) const {
    const int64_t room = g_.w * g_.channels - first - run_;
    return room < 0 ? 0 : std::min(pixels, room / step_ + 1) / kPixels;
  }

  // The floats of one tile; zeros beyond the line. (Faster than memset and memcpy, which are calls.)
  void copyEdge(const float* line, int64_t first, float* to) const {
    for (int64_t i = first; i < first + (kPixels - 1) * step_ + run_; ++i, ++to)
      *to = i >= 0 && i < g_.w * g_.channels ? line[i] : 0;
  }

  ConvGeometry g_;
  const Stem3x3Kernels& kernels_;
  int64_t run_, step_;
  int activation_;
  float slope_;
  bool keepsPacked_;
  std::vector<float> zeros_;  // a line
};

}  // namespace

std::unique_ptr<OpPlan> planStem3x3Forward(const ConvRequest& request, std::string* why) {
  const ConvGeometry& g = request.geometry;
  const int width = stem3x3Kernels(request).width;
  if (g.groups != 1) {
    *why = message::join(g.groups, " groups");
  } else if (g.channels > kStem3x3Channels) {
    *why = message::join(g.channels, " input channels, more than ", kStem3x3Channels);
  } else if (g.kernelH != 3 || g.kernelW != 3 || g.dilationH != 1 || g.dilationW != 1) {
    *why = "kernel is not 3x3, or dilated";
  } else if (g.strideW > 2) {
    *why = message::join("stride is ", g.strideW);
  } else if (g.filters % width != 0) {
    *why = message::join(g.filters, " filters, no multiple of ", width);
  } else if (g.ow < kStem3x3Pixels) {
    *why = message::join("output is ", g.ow, " wide, less than a tile of ", kStem3x3Pixels);
  } else if (g.inputPixel != g.channels) {
    *why = "pixels of the input are not dense";
  } else if (request.op.in[3].present || isTranscendental(request.activation)) {
    *why = "the epilogue is more than bias and a simple activation";
  } else {
    return std::make_unique<Stem3x3>(request);
  }
  return nullptr;
}

}  // namespace striate
