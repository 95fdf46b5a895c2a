// Winograd's entries in the menus of conv2d.
#include <utility>

#include "kernels/conv2d/conv2d.h"
#include "kernels/plan.h"
#include "kernels/winograd/choose.h"
#include "kernels/winograd/filterGradient.h"

namespace striate {
namespace {

// Below this the gain is a few microseconds, and a rounding that depends on the size of a small image is not worth it.
constexpr double kLeastFlops = 4e6;
// The model is not exact, and exactness is worth something: a gain must be clear.
constexpr double kLeastGain = 0.9;

// 50 us of Winograd's products: a second thread is not woken for less.
constexpr double kLeastSplitFlops = 15e6;
// Sizes of transformed filters are computed in 64 bits.
constexpr int64_t kMostFilters = int64_t{1} << 40;

const WinogradKernels& winogradKernels(Isa isa) { return STRIATE_KERNELS_TO_AVX512(isa, kWinograd); }

bool fits(const ConvRequest& request, std::string* why) {
  const ConvGeometry& g = request.geometry;
  if (g.kernelH != 3 || g.kernelW != 3) {
    *why = "kernel is not 3x3";
  } else if (g.strideH != 1 || g.strideW != 1) {
    *why = "stride is not 1";
  } else if (g.dilationH != 1 || g.dilationW != 1) {
    *why = "dilation is not 1";
  } else if (g.groups != 1) {
    *why = "has groups";
  } else if (g.channels * g.filters > kMostFilters) {
    *why = "the filter is too large";
  } else if (request.exact) {
    *why = "precision is exact";
  } else {
    return true;
  }
  return false;
}

std::string microseconds(double nanoseconds) { return std::to_string(static_cast<int64_t>(nanoseconds / 1e3)) + " us"; }

// The faster of the two members, if it beats the implicit product; `edge` is the one that asks.
bool choose(const ConvRequest& request, const WinogradWork& work, int edge, WinogradChoice* choice, std::string* why) {
  *choice = winogradChoice(work, edge);
  const WinogradChoice other = winogradChoice(work, 6 - edge);
  if (other.nanoseconds < choice->nanoseconds || (other.nanoseconds == choice->nanoseconds && edge == 2)) {
    *why = message::join("about ", microseconds(choice->nanoseconds), ", with tiles of ", 6 - edge, "x", 6 - edge, " ",
                         microseconds(other.nanoseconds));
    if (work.constant && !choice->keeps)
      *why += message::join("; ", choice->packedBytes, " bytes of transformed filter exceed the budget");
    return false;
  }
  if (request.winograd) return true;
  if (request.geometry.flops() < kLeastFlops) {
    *why = "too little work";
    return false;
  }
  const double direct = implicitNanoseconds(work);
  if (choice->nanoseconds < kLeastGain * direct) return true;
  *why = message::join("about ", microseconds(choice->nanoseconds), ", implicitGemm ", microseconds(direct));
  if (work.constant && !choice->keeps)
    *why += message::join("; ", choice->packedBytes, " bytes of transformed filter exceed the budget");
  return false;
}

class ProductPlan final : public OpPlan {
 public:
  // `scaleAt`: the operand that multiplies the filters, or -1.
  ProductPlan(const ConvRequest& request, const WinogradSpec& spec, bool keeps, int scaleAt)
      : geometry_(request.geometry), forward_(scaleAt >= 0), scaleAt_(scaleAt), keeps_(keeps), conv_(spec) {}
  size_t scratchBytes() const override { return conv_.scratchBytes() + ownPacked(); }
  size_t packedBytes() const override { return keeps_ ? conv_.packedBytes() : 0; }
  void pack(const RunContext& context, const void* const* in, float* packed) const override {
    conv_.pack(*context.pool, f32(in[1]), scale(in), packed);
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    WinogradOperands operands;
    operands.images = geometry_.liveImages(context.rows);
    operands.source = f32(in[0]);
    operands.target = f32(out[0]);
    operands.scratch = context.scratch + ownPacked();
    operands.packed = context.packed;
    if (forward_) {
      operands.bias = f32(in[2]);
      operands.residual = f32(in[3]);
    }
    operands.filter = f32(in[1]);
    operands.scale = scale(in);
    if (ownPacked() > 0) {
      float* packed = reinterpret_cast<float*>(context.scratch);
      pack(context, in, packed);
      operands.packed = packed;
    }
    conv_.run(*context.pool, operands);
    return okStatus();
  }

 private:
  const float* scale(const void* const* in) const { return forward_ ? f32(in[scaleAt_]) : nullptr; }
  size_t ownPacked() const { return keeps_ || conv_.packsInTasks() ? 0 : (conv_.packedBytes() + 63) & ~size_t{63}; }
  ConvGeometry geometry_;
  bool forward_;
  int scaleAt_;
  bool keeps_;
  WinogradConv conv_;
};

std::string tileName(int edge) { return edge == 4 ? "f4x3" : "f2x3"; }

std::unique_ptr<OpPlan> planForward(const ConvRequest& request, int edge, std::string* why) {
  if (!fits(request, why)) return nullptr;
  const ConvGeometry& g = request.geometry;
  const TensorDesc& scale = request.op.in[kConvScale];
  WinogradSpec spec;
  spec.kernels = &winogradKernels(request.op.isa);
  const WinogradWork work = {spec.kernels,
                             g.images,
                             g.oh,
                             g.ow,
                             g.channels,
                             g.filters,
                             request.op.in[1].constant && (!scale.present || scale.constant),
                             request.op.packedBudget};
  WinogradChoice choice;
  if (!choose(request, work, edge, &choice, why)) return nullptr;
  spec.layout = choice.layout;
  spec.images = g.images;
  spec.sourceH = g.h;
  spec.sourceW = g.w;
  spec.channels = g.channels;
  spec.targetH = g.oh;
  spec.targetW = g.ow;
  spec.columns = g.filters;
  spec.top = g.padTop;
  spec.left = g.padLeft;
  spec.sourcePixel = g.inputPixel;
  spec.targetPixel = g.outputPixel;
  spec.residualPixel = request.op.in[3].pixelStride;
  spec.activation = request.activation;
  spec.slope = request.slope;
  spec.tapStride = g.channels * g.filterPixel;
  spec.depthStride = g.filterPixel;
  spec.columnStride = 1;
  auto plan = std::make_unique<ProductPlan>(request, spec, choice.keeps, kConvScale);
  plan->kernel = convKernelName("fwd", "winograd", tileName(edge).c_str(), request.op.isa);
  return plan;
}

// Input pixel p was read by output pixel p + pad - tap through that tap: the same sliding window over dy, with the taps
// in reverse and 2 - pad rows of zeros before it. A negative number of those only begins further inside.
std::unique_ptr<OpPlan> planBackwardInput(const ConvRequest& request, int edge, std::string* why) {
  if (!fits(request, why)) return nullptr;
  const ConvGeometry& g = request.geometry;
  WinogradSpec spec;
  spec.kernels = &winogradKernels(request.op.isa);
  const WinogradWork work = {
      spec.kernels, g.images, g.h, g.w, g.filters, g.channels, request.op.in[1].constant, request.op.packedBudget};
  WinogradChoice choice;
  if (!choose(request, work, edge, &choice, why)) return nullptr;
  spec.layout = choice.layout;
  spec.images = g.images;
  spec.sourceH = g.oh;
  spec.sourceW = g.ow;
  spec.channels = g.filters;
  spec.targetH = g.h;
  spec.targetW = g.w;
  spec.columns = g.channels;
  spec.top = 2 - g.padTop;
  spec.left = 2 - g.padLeft;
  spec.sourcePixel = g.outputPixel;
  spec.targetPixel = g.inputPixel;
  spec.tapStride = g.channels * g.filterPixel;
  spec.depthStride = 1;
  spec.columnStride = g.filterPixel;
  spec.rotated = true;
  auto plan = std::make_unique<ProductPlan>(request, spec, choice.keeps, -1);
  plan->kernel = convKernelName("bwd_input", "winograd", tileName(edge).c_str(), request.op.isa);
  return plan;
}

class FilterGradientPlan final : public OpPlan {
 public:
  FilterGradientPlan(const ConvGeometry& g, const WinogradFilterSpec& spec) : geometry_(g), conv_(spec) {}
  size_t scratchBytes() const override { return conv_.scratchBytes(); }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    conv_.run(*context.pool, geometry_.liveImages(context.rows), f32(in[0]), f32(in[1]), f32(out[0]), context.scratch);
    return okStatus();
  }

 private:
  ConvGeometry geometry_;
  WinogradFilterConv conv_;
};

}  // namespace

std::unique_ptr<OpPlan> planWinograd4BackwardFilter(const ConvRequest& request, std::string* why) {
  if (!fits(request, why)) return nullptr;
  const ConvGeometry& g = request.geometry;
  WinogradFilterSpec spec;
  spec.kernels = &winogradKernels(request.op.isa);
  const WinogradWork work = {spec.kernels, g.images, g.oh, g.ow, g.channels, g.filters};
  if (!request.winograd) {
    const double expected = winogradFilterNanoseconds(work), direct = overPixelsNanoseconds(work);
    if (g.flops() < kLeastFlops) {
      *why = "too little work";
      return nullptr;
    }
    if (expected > kLeastGain * direct) {
      *why = message::join("about ", microseconds(expected), ", implicitGemm ", microseconds(direct));
      return nullptr;
    }
  }
  spec.split = g.flops() > kLeastSplitFlops;
  spec.blockTiles = winogradFilterBlock(work);
  spec.chunkBlocks = winogradFilterChunk(work);
  spec.images = g.images;
  spec.sourceH = g.h;
  spec.sourceW = g.w;
  spec.channels = g.channels;
  spec.targetH = g.oh;
  spec.targetW = g.ow;
  spec.columns = g.filters;
  spec.top = g.padTop;
  spec.left = g.padLeft;
  spec.sourcePixel = g.inputPixel;
  spec.targetPixel = g.outputPixel;
  spec.tapStride = g.channels * g.filterPixel;
  spec.channelStride = g.filterPixel;
  auto plan = std::make_unique<FilterGradientPlan>(g, spec);
  plan->kernel = convKernelName("bwd_filter", "winograd", "f4x3", request.op.isa);
  return plan;
}

std::unique_ptr<OpPlan> planWinograd4Forward(const ConvRequest& request, std::string* why) {
  return planForward(request, 4, why);
}
std::unique_ptr<OpPlan> planWinograd2Forward(const ConvRequest& request, std::string* why) {
  return planForward(request, 2, why);
}
std::unique_ptr<OpPlan> planWinograd4BackwardInput(const ConvRequest& request, std::string* why) {
  return planBackwardInput(request, 4, why);
}
std::unique_ptr<OpPlan> planWinograd2BackwardInput(const ConvRequest& request, std::string* why) {
  return planBackwardInput(request, 2, why);
}

}  // namespace striate
