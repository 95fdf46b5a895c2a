#include "kernels/maxPool2d/maxPool2d.h"

#include "kernels/plan.h"
#include "kernels/poolWindow.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {
namespace {

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
    const double cost = static_cast<double>(outWidth * taps) * (0.1 * static_cast<double>(channels) + 1.0);
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
  return check::matches(kOp, "dx", request.out[0], "x", request.in[0]);
}

// Windows may overlap, so a task has whole images, or, where these are too few, a range of the channels of each.
std::unique_ptr<OpPlan> planBackward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kMaxPool2d), x = request.in[0], dy = request.in[1],
                     dx = request.out[0], window = PoolWindow::of(request.attributes)](
                        const RunContext& context, const void* const* in, void* const* out) {
    const int64_t images = x.batched ? context.rows : x.dims[0], height = x.dims[1], width = x.dims[2],
                  channels = x.dims[3];
    const int64_t outHeight = dy.dims[1], outWidth = dy.dims[2];
    constexpr int64_t kFewImages = 16, kSlice = 32;
    const int64_t slice = images < kFewImages ? kSlice : channels;
    const int64_t slices = (channels + slice - 1) / slice;
    const int64_t taps = std::min(window.kernelH, height) * std::min(window.kernelW, width);
    const double cost =
        static_cast<double>(outHeight * outWidth * taps) * (0.5 * static_cast<double>(std::min(slice, channels)) + 2.0);
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
      }
    });
    return okStatus();
  };
  return makePlan(request, "recompute", "maxPool2d_bwd_input_f32", 0, body);
}

constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kXDy[] = {"x", "dy", nullptr};
constexpr const char* kDx[] = {"dx", nullptr};
constexpr const char* kAttributes[] = {"kernelH",   "kernelW", "strideH",  "strideW", "padTop",
                                       "padBottom", "padLeft", "padRight", nullptr};

}  // namespace

const OpEntry kMaxPool2dOps[2] = {
    {"maxPool2d", kX, kY, kAttributes, verifyForward, planForward},
    {"maxPool2d.backward", kXDy, kDx, kAttributes, verifyBackward, planBackward},
};

}  // namespace striate
