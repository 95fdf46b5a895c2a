// Few input channels: a row of the kernel touches kernelW * channels contiguous floats of a dense image line, so it can
// be one tap of that many channels. A row pointer then serves 21 multiply-adds instead of 3 (ResNet's stem), and fewer
// pointers are made. Horizontal padding must be in memory for that: the images are copied once, with zeros at both ends
// of each line, which costs less than a percent where each value is used kernelH * kernelW * filters times.
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/overPixels.h"
#include "kernels/gemm/packedGemm.h"

namespace striate {
namespace {

constexpr int64_t kMostChannels = 4;        // worth a copy
constexpr int64_t kMostDenseChannels = 15;  // worth it where no copy is needed

struct Lines {
  int64_t width;  // pixels of one line of the source
  bool copied;
};

bool fits(const ConvRequest& request, Lines* lines, std::string* why) {
  const ConvGeometry& g = request.geometry;
  const int64_t reach = (g.ow - 1) * g.strideW + g.kernelW;
  lines->copied = g.padLeft > 0 || reach > g.w || g.inputPixel != g.channels;
  lines->width = lines->copied ? std::max(g.w + g.padLeft, reach) : g.w;
  const int64_t most = lines->copied ? kMostChannels : kMostDenseChannels;
  if (g.groups != 1) {
    *why = message::join(g.groups, " groups");
  } else if (g.channels > most) {
    *why = message::join(g.channels, " input channels, more than ", most);
  } else if (g.kernelW == 1) {
    *why = "kernel is 1 wide";
  } else if (g.dilationW != 1) {
    *why = message::join("dilation is ", g.dilationW);
  } else if (lines->width > 4 * g.w + 16) {
    *why = message::join("padding makes lines of ", lines->width, " pixels from ", g.w);
  } else {
    return true;
  }
  return false;
}

// Taps are rows of the kernel; "pixels" of a line overlap.
IndirectProblem rowProblem(const ConvGeometry& g, int64_t width) {
  IndirectProblem problem;
  problem.gridH = problem.targetH = g.oh;
  problem.gridW = problem.targetW = g.ow;
  problem.sourceH = g.h;
  problem.sourceW = width;
  problem.sourceStepH = g.strideH;
  problem.sourceStepW = g.strideW;
  for (int64_t a = 0; a < g.kernelH; ++a) problem.taps.push_back({a * g.dilationH - g.padTop, 0, a});
  return problem;
}

class RowSource {
 public:
  RowSource(const ConvGeometry& g, Lines lines) : g_(g), lines_(lines) {}
  size_t bytes() const {
    return lines_.copied ? (static_cast<size_t>(g_.images * g_.h * lineFloats()) * sizeof(float) + 63) & ~size_t{63}
                         : 0;
  }
  // The image to read: x, or its copy in `scratch`.
  const float* prepare(const RunContext& context, const float* x, std::byte* scratch) const {
    if (!lines_.copied) return x;
    float* copy = reinterpret_cast<float*>(scratch);
    const int64_t lines = g_.liveImages(context.rows) * g_.h;
    const int64_t tasks = std::clamp<int64_t>(lines * lineFloats() / (128 << 10), 1, lines);
    context.pool->parallelFor(tasks, [&](int64_t task) {
      for (int64_t line = lines * task / tasks; line < lines * (task + 1) / tasks; ++line) {
        copyLine(x + line * g_.w * g_.inputPixel, copy + line * lineFloats());
      }
    });
    return copy;
  }

 private:
  int64_t lineFloats() const { return lines_.width * g_.channels; }
  void copyLine(const float* from, float* to) const {
    const int64_t left = g_.padLeft * g_.channels;
    const int64_t middle = g_.w * g_.channels;
    std::memset(to, 0, static_cast<size_t>(left) * sizeof(float));
    if (g_.inputPixel == g_.channels) {
      std::memcpy(to + left, from, static_cast<size_t>(middle) * sizeof(float));
    } else {
      float* pixel = to + left;
      for (int64_t w = 0; w < g_.w; ++w, from += g_.inputPixel, pixel += g_.channels) {
        for (int64_t c = 0; c < g_.channels; ++c) pixel[c] = from[c];
      }
    }
    std::memset(to + left + middle, 0, static_cast<size_t>(lineFloats() - left - middle) * sizeof(float));
  }
  ConvGeometry g_;
  Lines lines_;
};

class Forward final : public OpPlan {
 public:
  Forward(const ConvRequest& request, Lines lines, IndirectSpec spec)
      : geometry_(request.geometry), source_(request.geometry, lines), gemm_(std::move(spec), request.op, kConvScale) {}
  size_t scratchBytes() const override { return source_.bytes() + gemm_.scratchBytes(); }
  size_t packedBytes() const override { return gemm_.packedBytes(); }
  void pack(const RunContext& context, const void* const* in, float* packed) const override {
    gemm_.pack(context, in, packed);
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    IndirectOperands operands;
    operands.images = geometry_.liveImages(context.rows);
    operands.source = source_.prepare(context, f32(in[0]), context.scratch);
    operands.bias = f32(in[2]);
    operands.residual = f32(in[3]);
    operands.target = f32(out[0]);
    gemm_.begin(context, in, context.scratch + source_.bytes(), &operands);
    gemm_.run(context, operands);
    return okStatus();
  }

 private:
  ConvGeometry geometry_;
  RowSource source_;
  PackedGemm gemm_;
};

class BackwardFilter final : public OpPlan {
 public:
  BackwardFilter(const ConvRequest& request, Lines lines, OverPixelsSpec spec)
      : geometry_(request.geometry), source_(request.geometry, lines), gemm_(std::move(spec)) {}
  size_t scratchBytes() const override { return source_.bytes() + gemm_.scratchBytes(); }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    OverPixelsOperands operands;
    operands.images = geometry_.liveImages(context.rows);
    operands.source = source_.prepare(context, f32(in[0]), context.scratch);
    operands.b = f32(in[1]);
    operands.target = f32(out[0]);
    operands.scratch = context.scratch + source_.bytes();
    gemm_.run(*context.pool, operands);
    return okStatus();
  }

 private:
  ConvGeometry geometry_;
  RowSource source_;
  OverPixelsGemm gemm_;
};

}  // namespace

std::unique_ptr<OpPlan> planSmallChannelForward(const ConvRequest& request, std::string* why) {
  Lines lines;
  if (!fits(request, &lines, why)) return nullptr;
  const ConvGeometry& g = request.geometry;
  IndirectSpec spec;
  spec.images = g.images;
  spec.channels = g.kernelW * g.channels;
  spec.columns = g.filters;
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  spec.sourcePixel = g.channels;
  spec.targetPixel = g.outputPixel;
  spec.residualPixel = request.op.in[3].pixelStride;
  spec.activation = request.activation;
  spec.slope = request.slope;
  spec.bTap = spec.channels * g.filterPixel;
  spec.bChannel = g.filterPixel;
  spec.bColumn = 1;
  spec.problems = {rowProblem(g, lines.width)};
  const std::string name = convKernelName("fwd", "rows", *spec.kernels);
  auto plan = std::make_unique<Forward>(request, lines, std::move(spec));
  plan->kernel = name;
  return plan;
}

std::unique_ptr<OpPlan> planSmallChannelBackwardFilter(const ConvRequest& request, std::string* why) {
  Lines lines;
  if (!fits(request, &lines, why)) return nullptr;
  const ConvGeometry& g = request.geometry;
  OverPixelsSpec spec;
  spec.images = g.images;
  spec.channels = g.kernelW * g.channels;
  spec.columns = g.filters;
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  spec.sourcePixel = g.channels;
  spec.bPixel = g.outputPixel;
  spec.targetPixel = g.filterPixel;
  spec.problem = rowProblem(g, lines.width);
  const std::string name = convKernelName("bwd_filter", "rows", *spec.kernels);
  auto plan = std::make_unique<BackwardFilter>(request, lines, std::move(spec));
  plan->kernel = name;
  return plan;
}

}  // namespace striate
