// Convolution as a matrix product whose left operand is never stored: pointwise and implicitGemm, all three directions.
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/overPixels.h"
#include "kernels/gemm/packedGemm.h"

namespace striate {
namespace {

// A pointwise convolution is one long line of pixels.
IndirectProblem pointwiseProblem() {
  IndirectProblem problem;
  problem.taps = {{0, 0, 0}};
  return problem;
}

class IndirectConv : public OpPlan {
 public:
  IndirectConv(const ConvRequest& request, IndirectSpec spec, int64_t pixelsPerImage, int scaleAt)
      : geometry_(request.geometry), pixelsPerImage_(pixelsPerImage), gemm_(std::move(spec), request.op, scaleAt) {}
  size_t scratchBytes() const override { return gemm_.scratchBytes(); }
  size_t packedBytes() const override { return gemm_.packedBytes(); }
  void pack(const RunContext& context, const void* const* in, float* packed) const override {
    gemm_.pack(context, in, packed);
  }

 protected:
  void multiply(const RunContext& context, const void* const* in, IndirectOperands operands) const {
    operands.images = geometry_.liveImages(context.rows) * pixelsPerImage_;
    gemm_.begin(context, in, context.scratch, &operands);
    gemm_.run(context, operands);
  }
  ConvGeometry geometry_;

 private:
  int64_t pixelsPerImage_;  // rows of a flat problem per image, else 1
  PackedGemm gemm_;
};

class Forward final : public IndirectConv {
 public:
  Forward(const ConvRequest& request, IndirectSpec spec, int64_t pixelsPerImage)
      : IndirectConv(request, std::move(spec), pixelsPerImage, kConvScale) {}
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    IndirectOperands operands;
    operands.source = f32(in[0]);
    operands.bias = f32(in[2]);
    operands.residual = f32(in[3]);
    operands.target = f32(out[0]);
    multiply(context, in, operands);
    return okStatus();
  }
};

class BackwardInput final : public IndirectConv {
 public:
  BackwardInput(const ConvRequest& request, IndirectSpec spec, int64_t pixelsPerImage, bool fillZeros)
      : IndirectConv(request, std::move(spec), pixelsPerImage, PackedGemm::kUnscaled), fillZeros_(fillZeros) {}
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    if (fillZeros_) zero(context, f32(out[0]));
    IndirectOperands operands;
    operands.source = f32(in[0]);
    operands.target = f32(out[0]);
    multiply(context, in, operands);
    return okStatus();
  }

 private:
  void zero(const RunContext& context, float* dx) const {
    const int64_t lines = geometry_.liveImages(context.rows) * geometry_.h;
    const int64_t tasks = std::clamp<int64_t>(lines * geometry_.w * geometry_.channels / (512 << 10), 1, lines);
    context.pool->parallelFor(tasks, [&](int64_t task) {
      for (int64_t pixel = lines * task / tasks * geometry_.w; pixel < lines * (task + 1) / tasks * geometry_.w;
           ++pixel) {
        std::memset(dx + pixel * geometry_.inputPixel, 0, static_cast<size_t>(geometry_.channels) * sizeof(float));
      }
    });
  }
  bool fillZeros_;
};

IndirectSpec forwardSpec(const ConvRequest& request) {
  const ConvGeometry& g = request.geometry;
  IndirectSpec spec;
  spec.images = g.images;
  spec.channels = g.groupChannels();
  spec.columns = g.groupFilters();
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  spec.groups = g.groups;
  spec.sourcePixel = g.inputPixel;
  spec.targetPixel = g.outputPixel;
  spec.residualPixel = request.op.in[3].pixelStride;
  spec.activation = request.activation;
  spec.slope = request.slope;
  spec.bTap = g.groupChannels() * g.filterPixel;
  spec.bGroup = g.groupFilters();
  spec.bChannel = g.filterPixel;
  spec.bColumn = 1;
  return spec;
}

// The same product with the filter transposed: channels of dy are contracted, channels of dx are columns.
IndirectSpec backwardInputSpec(const ConvRequest& request) {
  const ConvGeometry& g = request.geometry;
  IndirectSpec spec;
  spec.images = g.images;
  spec.channels = g.groupFilters();
  spec.columns = g.groupChannels();
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  spec.groups = g.groups;
  spec.sourcePixel = g.outputPixel;
  spec.targetPixel = g.inputPixel;
  spec.bTap = g.groupChannels() * g.filterPixel;
  spec.bGroup = g.groupFilters();
  spec.bChannel = 1;
  spec.bColumn = g.filterPixel;
  return spec;
}

template <class Plan, class Spec, class... Arguments>
std::unique_ptr<OpPlan> named(const ConvRequest& request, const char* direction, const char* algorithm, Spec spec,
                              Arguments... arguments) {
  std::string kernel = convKernelName(direction, algorithm, *spec.kernels);
  auto plan = std::make_unique<Plan>(request, std::move(spec), arguments...);
  plan->kernel = std::move(kernel);
  return plan;
}

bool isPointwise(const ConvRequest& request, std::string* why) {
  if (request.geometry.pointwise()) return true;
  *why = request.geometry.taps() != 1 ? "kernel is not 1x1" : "has stride or padding";
  return false;
}

class BackwardFilter final : public OpPlan {
 public:
  BackwardFilter(const ConvRequest& request, OverPixelsSpec spec, int64_t pixelsPerImage)
      : geometry_(request.geometry), pixelsPerImage_(pixelsPerImage), gemm_(std::move(spec)) {}
  size_t scratchBytes() const override { return gemm_.scratchBytes(); }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    OverPixelsOperands operands;
    operands.images = geometry_.liveImages(context.rows) * pixelsPerImage_;
    operands.source = f32(in[0]);
    operands.b = f32(in[1]);
    operands.target = f32(out[0]);
    operands.scratch = context.scratch;
    gemm_.run(*context.pool, operands);
    return okStatus();
  }

 private:
  ConvGeometry geometry_;
  int64_t pixelsPerImage_;
  OverPixelsGemm gemm_;
};

OverPixelsSpec backwardFilterSpec(const ConvRequest& request) {
  const ConvGeometry& g = request.geometry;
  OverPixelsSpec spec;
  spec.images = g.images;
  spec.channels = g.groupChannels();
  spec.columns = g.groupFilters();
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  spec.groups = g.groups;
  spec.sourcePixel = g.inputPixel;
  spec.bPixel = g.outputPixel;
  spec.targetPixel = g.filterPixel;
  return spec;
}

}  // namespace

std::unique_ptr<OpPlan> planPointwiseForward(const ConvRequest& request, std::string* why) {
  if (!isPointwise(request, why)) return nullptr;
  IndirectSpec spec = forwardSpec(request);
  const int64_t pixels = request.geometry.h * request.geometry.w;
  spec.images *= pixels;
  spec.problems = {pointwiseProblem()};
  return named<Forward>(request, "fwd", "pointwise", std::move(spec), pixels);
}

std::unique_ptr<OpPlan> planImplicitForward(const ConvRequest& request, std::string*) {
  IndirectSpec spec = forwardSpec(request);
  spec.problems = {forwardProblem(request.geometry)};
  return named<Forward>(request, "fwd", "igemm", std::move(spec), 1);
}

std::unique_ptr<OpPlan> planPointwiseBackwardInput(const ConvRequest& request, std::string* why) {
  if (!isPointwise(request, why)) return nullptr;
  IndirectSpec spec = backwardInputSpec(request);
  const int64_t pixels = request.geometry.h * request.geometry.w;
  spec.images *= pixels;
  spec.problems = {pointwiseProblem()};
  return named<BackwardInput>(request, "bwd_input", "pointwise", std::move(spec), pixels, false);
}

// Columns are the input's channels: three of them leave most lanes of a tile idle, once for every phase of the stride,
// where im2col's columns are all terms of a window. Xeon and its avx2, 64 filters: 7x7 at stride 2 to 3 channels 2.3
// and 1.9 times as fast, 3x3 1.5 and 1.3, to 6 channels 1.1 to 1.5 and 1.0 to 1.3; to 8 equal; sse2 to 3 1.2 to 1.4.
// Without a stride fewChannels has them.
constexpr int64_t kFiltersOfColumns = 10, kTapsOfColumns = 9;  // for each channel, and in all, from which on that is so

std::unique_ptr<OpPlan> planImplicitBackwardInput(const ConvRequest& request, std::string* why) {
  const ConvGeometry& g = request.geometry;
  if (g.groups == 1 && g.strideH * g.strideW > 1 && g.taps() >= kTapsOfColumns &&
      g.filters >= kFiltersOfColumns * g.channels) {
    *why = message::join(g.channels, " input channels beside ", g.filters, " filters leave lanes idle");
    return nullptr;
  }
  IndirectSpec spec = backwardInputSpec(request);
  int64_t untouched = 0;
  if (!inputGradientProblems(request.geometry, &spec.problems, &untouched)) {
    *why = message::join("the stride makes more than ", kMostPhases, " phases");
    return nullptr;
  }
  return named<BackwardInput>(request, "bwd_input", "igemm", std::move(spec), 1, untouched > 0);
}

std::unique_ptr<OpPlan> planPointwiseBackwardFilter(const ConvRequest& request, std::string* why) {
  if (!isPointwise(request, why)) return nullptr;
  OverPixelsSpec spec = backwardFilterSpec(request);
  const int64_t pixels = request.geometry.h * request.geometry.w;
  spec.images *= pixels;
  spec.problem = pointwiseProblem();
  return named<BackwardFilter>(request, "bwd_filter", "pointwise", std::move(spec), pixels);
}

std::unique_ptr<OpPlan> planImplicitBackwardFilter(const ConvRequest& request, std::string*) {
  OverPixelsSpec spec = backwardFilterSpec(request);
  spec.problem = forwardProblem(request.geometry);
  return named<BackwardFilter>(request, "bwd_filter", "igemm", std::move(spec), 1);
}

}  // namespace striate
