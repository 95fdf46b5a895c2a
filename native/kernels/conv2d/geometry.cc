#include "kernels/conv2d/geometry.h"

#include <algorithm>
#include <utility>

#include "kernels/check.h"

namespace striate {
namespace {

// Wide enough for every product here: attributes are below 2^31, dimensions below 2^63.
__extension__ typedef __int128 Wide;

constexpr int64_t kMostTaps = 1 << 20;

int64_t integer(const double* attributes, int index) { return static_cast<int64_t>(attributes[index]); }

bool slides(int64_t size, int64_t kernel, int64_t dilation, int64_t before, int64_t after, int64_t stride,
            int64_t output) {
  const Wide padded = Wide{size} + before + after;
  const Wide window = Wide{dilation} * (kernel - 1) + 1;
  return window <= padded && (padded - window) / stride + 1 == output;
}

struct PhaseTap {
  int64_t tap, output;
};
struct Phase {
  int64_t first;  // input positions first, first + stride, ...
  std::vector<PhaseTap> taps;
};

// One axis of the transposed convolution. Input position p = first + i * stride was read by output o through tap a
// where p = o * stride - pad + a * dilation: o = i + (first + pad - a * dilation) / stride, for the taps that leave no
// remainder. So each tap belongs to one phase, and there are no more of them than taps.
std::vector<Phase> phasesOf(int64_t size, int64_t stride, int64_t pad, int64_t kernel, int64_t dilation) {
  std::vector<Phase> phases;
  for (int64_t a = 0; a < kernel && phases.size() <= kMostPhases; ++a) {
    const int64_t first = ((a * dilation - pad) % stride + stride) % stride;
    if (first >= size) continue;
    auto phase = std::find_if(phases.begin(), phases.end(), [&](const Phase& p) { return p.first >= first; });
    if (phase == phases.end() || phase->first != first) phase = phases.insert(phase, {first, {}});
    phase->taps.push_back({a, (first + pad - a * dilation) / stride});
  }
  return phases;
}

}  // namespace

Status verifyWindow(const char* op, const double* at, const Window& window, int64_t h, int64_t w, int64_t oh,
                    int64_t ow) {
  static constexpr const char* kNames[] = {"strideH", "strideW", "padTop", "padBottom", "padLeft", "padRight"};
  for (int i = kStrideH; i <= kPadRight; ++i)
    STRIATE_TRY(check::isInteger(op, kNames[i], at[i], i <= kStrideW ? 1 : 0));
  STRIATE_REFUSE_IF(!slides(h, window.kernelH, window.dilationH, integer(at, kPadTop), integer(at, kPadBottom),
                            integer(at, kStrideH), oh) ||
                        !slides(w, window.kernelW, window.dilationW, integer(at, kPadLeft), integer(at, kPadRight),
                                integer(at, kStrideW), ow),
                    op, ": floor((size + pads - dilatedKernel) / stride) + 1 must give the output size, got input ", h,
                    "x", w, ", kernel ", window.kernelH, "x", window.kernelW, ", dilation ", window.dilationH, "x",
                    window.dilationW, ", stride ", at[kStrideH], "x", at[kStrideW], ", pads ", at[kPadTop], ",",
                    at[kPadBottom], ",", at[kPadLeft], ",", at[kPadRight], ", output ", oh, "x", ow);
  return okStatus();
}

Status verifyConvolution(const ConvNames& names, const TensorDesc& input, const TensorDesc& filter,
                         const TensorDesc& output, const double* attributes) {
  const char* op = names.op;
  STRIATE_TRY(check::isF32(op, names.input, input));
  STRIATE_TRY(check::isF32(op, names.filter, filter));
  STRIATE_TRY(check::isF32(op, names.output, output));
  STRIATE_REFUSE_IF(input.rank != 4 || filter.rank != 4 || output.rank != 4, op, ": ", names.input, ", ", names.filter,
                    " and ", names.output, " must have 4 dimensions, got ", check::shapeOf(input), ", ",
                    check::shapeOf(filter), ", ", check::shapeOf(output));
  STRIATE_REFUSE_IF(filter.batched || input.batched != output.batched || input.dims[0] != output.dims[0], op, ": ",
                    names.input, " and ", names.output, " must have the same images and ", names.filter, " none, got ",
                    check::shapeOf(input), ", ", check::shapeOf(output), ", ", check::shapeOf(filter));
  STRIATE_TRY(check::isInteger(op, "dilationH", attributes[kDilationH], 1));
  STRIATE_TRY(check::isInteger(op, "dilationW", attributes[kDilationW], 1));
  STRIATE_TRY(check::isInteger(op, "groups", attributes[kGroups], 1));
  const int64_t groups = integer(attributes, kGroups);
  STRIATE_REFUSE_IF(input.channels() % groups != 0 || input.channels() / groups != filter.dims[2], op, ": ",
                    names.filter, " must have channels / groups input channels, got ", check::shapeOf(filter), " with ",
                    input.channels(), " channels in ", groups, " groups");
  STRIATE_REFUSE_IF(filter.dims[3] % groups != 0 || filter.dims[3] != output.channels(), op, ": ", names.output,
                    " must have as many channels as there are filters, a multiple of the groups, got ",
                    check::shapeOf(output), " with ", check::shapeOf(filter), " in ", groups, " groups");
  // Plans keep a few words per tap.
  STRIATE_REFUSE_IF(
      filter.dims[0] > kMostTaps || filter.dims[1] > kMostTaps || filter.dims[0] * filter.dims[1] > kMostTaps, op, ": ",
      names.filter, " must have at most ", kMostTaps, " taps, got ", check::shapeOf(filter));
  const Window window = {filter.dims[0], filter.dims[1], integer(attributes, kDilationH),
                         integer(attributes, kDilationW)};
  return verifyWindow(op, attributes, window, input.dims[1], input.dims[2], output.dims[1], output.dims[2]);
}

ConvGeometry readConvolution(const TensorDesc& input, const TensorDesc& filter, const TensorDesc& output,
                             const double* attributes) {
  ConvGeometry g;
  g.images = input.dims[0];
  g.batched = input.batched;
  g.h = input.dims[1];
  g.w = input.dims[2];
  g.channels = input.dims[3];
  g.oh = output.dims[1];
  g.ow = output.dims[2];
  g.filters = output.dims[3];
  g.kernelH = filter.dims[0];
  g.kernelW = filter.dims[1];
  g.strideH = integer(attributes, kStrideH);
  g.strideW = integer(attributes, kStrideW);
  g.padTop = integer(attributes, kPadTop);
  g.padBottom = integer(attributes, kPadBottom);
  g.padLeft = integer(attributes, kPadLeft);
  g.padRight = integer(attributes, kPadRight);
  g.dilationH = integer(attributes, kDilationH);
  g.dilationW = integer(attributes, kDilationW);
  g.groups = integer(attributes, kGroups);
  g.inputPixel = input.pixelStride;
  g.outputPixel = output.pixelStride;
  g.filterPixel = filter.pixelStride;
  return g;
}

IndirectProblem forwardProblem(const ConvGeometry& g) {
  IndirectProblem problem;
  problem.gridH = problem.targetH = g.oh;
  problem.gridW = problem.targetW = g.ow;
  problem.sourceH = g.h;
  problem.sourceW = g.w;
  problem.sourceStepH = g.strideH;
  problem.sourceStepW = g.strideW;
  for (int64_t a = 0; a < g.kernelH; ++a) {
    for (int64_t b = 0; b < g.kernelW; ++b) {
      problem.taps.push_back({a * g.dilationH - g.padTop, b * g.dilationW - g.padLeft, a * g.kernelW + b});
    }
  }
  return problem;
}

bool inputGradientProblems(const ConvGeometry& g, std::vector<IndirectProblem>* problems, int64_t* untouched) {
  const std::vector<Phase> phasesH = phasesOf(g.h, g.strideH, g.padTop, g.kernelH, g.dilationH);
  const std::vector<Phase> phasesW = phasesOf(g.w, g.strideW, g.padLeft, g.kernelW, g.dilationW);
  if (phasesH.size() * phasesW.size() > kMostPhases) return false;
  for (const Phase& high : phasesH) {
    for (const Phase& wide : phasesW) {
      IndirectProblem problem;
      problem.gridH = (g.h - high.first - 1) / g.strideH + 1;
      problem.gridW = (g.w - wide.first - 1) / g.strideW + 1;
      problem.sourceH = g.oh;
      problem.sourceW = g.ow;
      problem.targetH = g.h;
      problem.targetW = g.w;
      problem.targetStepH = g.strideH;
      problem.targetStepW = g.strideW;
      problem.targetH0 = high.first;
      problem.targetW0 = wide.first;
      for (const PhaseTap& a : high.taps) {
        for (const PhaseTap& b : wide.taps) problem.taps.push_back({a.output, b.output, a.tap * g.kernelW + b.tap});
      }
      problems->push_back(std::move(problem));
    }
  }
  *untouched = std::min(g.strideH, g.h) * std::min(g.strideW, g.w) - static_cast<int64_t>(problems->size());
  return true;
}

}  // namespace striate
