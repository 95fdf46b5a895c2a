#include "kernels/maxPool2d/maxPool2d.h"

#include "kernels/activation/activation.h"
#include "kernels/channelSums.h"
#include "kernels/plan.h"
#include "kernels/poolWindow.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr int kActivationAttribute = 8;  // attribute of the backward op, behind those of the window

Status verifyForward(const OpRequest& request) {
  return check::pooling("maxPool2d", "x", request.in[0], "y", request.out[0], request.attributes);
}

std::unique_ptr<OpPlan> planForward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kMaxPool2d), x = request.in[0], y = request.out[0],
                     window = PoolWindow::of(request.attributes)](const RunContext& context, const void* const* in,
                                                                  void* const* out) {
    const int64_t images = x.batched ? context.rows : x.dims[0], height = x.dims[1], width = x.dims[2],
                  channels = x.dims[3];
    const int64_t outHeight = y.dims[1], outWidth = y.dims[2];
    const int64_t taps = std::min(window.kernelH, height) * std::min(window.kernelW, width);
    const double cost = static_cast<double>(outWidth) * (0.03 * static_cast<double>(taps * channels) + 2.0);
    forRanges(context, images * outHeight, cost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t image = unit / outHeight, oh = unit % outHeight;
        int64_t top = 0, bottom = 0;
        window.rowsUnder(oh, height, &top, &bottom);
        kernels->forwardRow({.x = f32(in[0]) + (image * height + top) * width * x.pixelStride,
                             .rows = bottom - top,
                             .width = width,
                             .xStride = x.pixelStride,
                             .channels = channels,
                             .outWidth = outWidth,
                             .kernelW = window.kernelW,
                             .strideW = window.strideW,
                             .padLeft = window.padLeft,
                             .y = f32(out[0]) + unit * outWidth * y.pixelStride,
                             .yStride = y.pixelStride});
      }
    });
    return okStatus();
  };
  return makePlan(request, "direct", "maxPool2d_fwd_f32", 0, body);
}

Status verifyBackward(const OpRequest& request) {
  constexpr const char* kOp = "maxPool2d.backward";
  STRIATE_TRY(check::pooling(kOp, "x", request.in[0], "dy", request.in[1], request.attributes));
  // Not only as many pixels: the same height and width.
  STRIATE_TRY(check::pooling(kOp, "dx", request.out[0], "dy", request.in[1], request.attributes));
  STRIATE_TRY(check::matches(kOp, "dx", request.out[0], "x", request.in[0]));
  if (request.out[1].present) STRIATE_TRY(check::isVector(kOp, "sums", request.out[1], request.in[0].channels()));
  return check::isActivation(kOp, request.attributes[kActivationAttribute],
                             request.attributes[kActivationAttribute + 1]);
}

// What happens to dx behind the pooling, image by image while it is in the second level cache: it goes through an
// activation, and its channel sums are kept. A partial sum for each kPart pixels of an image.
class Finish {
 public:
  static constexpr int64_t kPart = 1024;

  explicit Finish(const OpRequest& request)
      : activations_(STRIATE_KERNELS(request.isa, kActivation)),
        arithmetic_(STRIATE_KERNELS(request.isa, kArithmetic)),
        activation_(static_cast<int>(request.attributes[kActivationAttribute])),
        slope_(static_cast<float>(request.attributes[kActivationAttribute + 1])),
        sums_(request.out[1].present),
        x_(request.in[0]),
        dx_(request.out[0]),
        parts_((dx_.dims[1] * dx_.dims[2] + kPart - 1) / kPart) {
    chunking_.channels = dx_.channels();
    chunking_.fold = sums_ ? foldOf(dx_.channels(), x_.dense() && dx_.dense()) : 1;
    chunking_.columns = chunking_.fold * chunking_.channels;
  }

  size_t scratchBytes() const {
    return sums_ ? static_cast<size_t>(dx_.dims[0] * parts_ * chunking_.columns) * sizeof(float) : 0;
  }
  // Neighbouring pixels are read as one: all channels belong into one task.
  bool needsAllChannels() const { return chunking_.fold > 1; }

  // Channels [first, first + channels) of one image.
  void image(const RunContext& context, int64_t image, int64_t first, int64_t channels, const float* x,
             float* dx) const {
    const int64_t pixels = dx_.dims[1] * dx_.dims[2], fold = chunking_.fold;
    x += image * pixels * x_.pixelStride + first;
    dx += image * pixels * dx_.pixelStride + first;
    const auto activate = [&](int64_t pixel, int64_t wide, int64_t n) {
      if (activation_ == kActivationNone) return;
      float* target = dx + pixel * dx_.pixelStride;
      activations_.backward(wide, n, x + pixel * x_.pixelStride, fold * x_.pixelStride, target, fold * dx_.pixelStride,
                            target, fold * dx_.pixelStride, activation_, slope_);
    };
    if (!sums_) return activate(0, pixels, channels);
    for (int64_t part = 0; part < parts_; ++part) {
      float* sums = partials(context) + (image * parts_ + part) * chunking_.columns + first;
      std::memset(sums, 0, static_cast<size_t>(fold * channels) * sizeof(float));
      writeAndAdd(arithmetic_, channels, fold, part * kPart, std::min(pixels, (part + 1) * kPart), dx, dx_.pixelStride,
                  sums, activate);
    }
  }

  void store(const RunContext& context, int64_t images, void* sums) const {
    if (sums_) storeChannelSums(context, chunking_, images * parts_, partials(context), f32(sums));
  }

 private:
  static float* partials(const RunContext& context) { return reinterpret_cast<float*>(context.scratch); }

  const ActivationKernels& activations_;
  const ArithmeticKernels& arithmetic_;
  int activation_;
  float slope_;
  bool sums_;
  TensorDesc x_, dx_;
  int64_t parts_;
  Chunking chunking_ = {};
};

// Windows may overlap, so a task has whole images, or, where these are too few, a range of the channels of each.
std::unique_ptr<OpPlan> planBackward(const OpRequest& request) {
  const Finish finish(request);
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kMaxPool2d), x = request.in[0], dy = request.in[1],
                     dx = request.out[0], window = PoolWindow::of(request.attributes),
                     finish](const RunContext& context, const void* const* in, void* const* out) {
    const int64_t images = x.batched ? context.rows : x.dims[0], height = x.dims[1], width = x.dims[2],
                  channels = x.dims[3];
    const int64_t outHeight = dy.dims[1], outWidth = dy.dims[2];
    constexpr int64_t kFewImages = 16, kSlice = 32;
    const int64_t slice = images < kFewImages && !finish.needsAllChannels() ? kSlice : channels;
    const int64_t slices = (channels + slice - 1) / slice;
    const int64_t taps = std::min(window.kernelH, height) * std::min(window.kernelW, width);
    const double cost = static_cast<double>(outHeight * outWidth * taps) *
                        (0.08 * static_cast<double>(std::min(slice, channels)) + 0.5);
    forRanges(context, images * slices, cost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t image = unit / slices, first = unit % slices * slice;
        kernels->backwardImage({.x = f32(in[0]) + image * height * width * x.pixelStride + first,
                                .dy = f32(in[1]) + image * outHeight * outWidth * dy.pixelStride + first,
                                .dx = f32(out[0]) + image * height * width * dx.pixelStride + first,
                                .xStride = x.pixelStride,
                                .dyStride = dy.pixelStride,
                                .dxStride = dx.pixelStride,
                                .channels = std::min(slice, channels - first),
                                .height = height,
                                .width = width,
                                .outHeight = outHeight,
                                .outWidth = outWidth,
                                .kernelH = window.kernelH,
                                .kernelW = window.kernelW,
                                .strideH = window.strideH,
                                .strideW = window.strideW,
                                .padTop = window.padTop,
                                .padLeft = window.padLeft});
        finish.image(context, image, first, std::min(slice, channels - first), f32(in[0]), f32(out[0]));
      }
    });
    finish.store(context, images, out[1]);
    return okStatus();
  };
  return makePlan(request, "recompute", "maxPool2d_bwd_input_f32", finish.scratchBytes(), body);
}

constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kXDy[] = {"x", "dy", nullptr};
constexpr const char* kDxSums[] = {"dx", "sums?", nullptr};
constexpr const char* kAttributes[] = {"kernelH",   "kernelW", "strideH",  "strideW", "padTop",
                                       "padBottom", "padLeft", "padRight", nullptr};
constexpr const char* kBackwardAttributes[] = {"kernelH", "kernelW",  "strideH",    "strideW", "padTop", "padBottom",
                                               "padLeft", "padRight", "activation", "slope",   nullptr};

}  // namespace

const OpEntry kMaxPool2dOps[2] = {
    {"maxPool2d", kX, kY, kAttributes, verifyForward, planForward},
    {"maxPool2d.backward", kXDy, kDxSums, kBackwardAttributes, verifyBackward, planBackward},
};

}  // namespace striate
