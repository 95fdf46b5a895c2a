#include "kernels/avgPool2d/avgPool2d.h"

#include <cstring>

#include "kernels/plan.h"
#include "kernels/poolWindow.h"
#include "kernels/reduction.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {
namespace {

// Windows over an image in both axes, and what counts in the divisor.
struct Geometry {
  PoolWindow window;
  int64_t height, width, channels;
  AvgPoolAxis lines, columns;

  Geometry(const TensorDesc& image, const TensorDesc& pooled, const double* attributes)
      : window(PoolWindow::of(attributes)), height(image.dims[1]), width(image.dims[2]), channels(image.dims[3]) {
    const bool padding = attributes[8] != 0;  // countIncludePad
    const auto axis = [padding](int64_t size, int64_t out, int64_t kernel, int64_t stride, int64_t before,
                                int64_t after) {
      return AvgPoolAxis{size, out, kernel, stride, before, padding ? -before : 0, padding ? size + after : size};
    };
    lines = axis(height, pooled.dims[1], window.kernelH, window.strideH, window.padTop, window.padBottom);
    columns = axis(width, pooled.dims[2], window.kernelW, window.strideW, window.padLeft, window.padRight);
  }

  int64_t areaRows(int64_t oh) const {
    const int64_t top = oh * lines.stride - lines.before;
    return std::min(top + lines.kernel, lines.last) - std::max(top, lines.first);
  }
  int64_t areaColumns(int64_t ow) const {
    const int64_t left = ow * columns.stride - columns.before;
    return std::min(left + columns.kernel, columns.last) - std::max(left, columns.first);
  }
  // One window that holds the whole image.
  bool global() const {
    return lines.out == 1 && columns.out == 1 && window.kernelH - window.padTop >= height &&
           window.kernelW - window.padLeft >= width;
  }
};

Status verifyForward(const OpRequest& request) {
  STRIATE_TRY(check::pooling("avgPool2d", "x", request.in[0], "y", request.out[0], request.attributes));
  return check::isInteger("avgPool2d", "countIncludePad", request.attributes[8], 0, 1);
}

// Streams each image through once in the order of memory.
std::unique_ptr<OpPlan> planGlobal(const OpRequest& request, const Geometry& geometry) {
  const TensorDesc& x = request.in[0];
  const int64_t fold = foldOf(x.channels(), x.dense());
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kAvgPool2d), geometry, x, y = request.out[0], fold](
                        const RunContext& context, const void* const* in, void* const* out) {
    constexpr int64_t kFewImages = 16, kSlice = 128, kMostFolded = 1024;
    static_assert(kMostFolded >= 16 * 64, "foldOf() folds fewer than 64 channels 16 times, or few more often");
    const int64_t images = x.batched ? context.rows : x.dims[0], channels = x.dims[3],
                  pixels = geometry.height * geometry.width;
    const int64_t slice = images < kFewImages && fold == 1 ? kSlice : channels;
    const int64_t slices = (channels + slice - 1) / slice;
    const auto area = static_cast<float>(geometry.areaRows(0) * geometry.areaColumns(0));
    const double cost = 0.2 * static_cast<double>(pixels * std::min(slice, channels));
    forRanges(context, images * slices, cost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t image = unit / slices, first = unit % slices * slice, n = std::min(slice, channels - first);
        const float* source = f32(in[0]) + image * pixels * x.pixelStride + first;
        float* target = f32(out[0]) + image * y.pixelStride + first;
        float folded[kMostFolded];
        float* sums = fold == 1 ? target : folded;
        std::memset(sums, 0, static_cast<size_t>(fold * n) * sizeof(float));
        kernels->addColumns(pixels / fold, fold * n, source, fold * x.pixelStride, sums);
        const int64_t rest = pixels % fold;
        if (rest > 0) kernels->addColumns(1, rest * n, source + (pixels - rest) * x.pixelStride, 0, sums);
        // Pairs of folds, so that the order of summation is a tree.
        for (int64_t half = fold / 2; half > 0; half /= 2) {
          for (int64_t i = 0; i < half * n; ++i) sums[i] += sums[half * n + i];
        }
        kernels->divide(n, sums, area, target);
      }
    });
    return okStatus();
  };
  return makePlan(request, "global", "avgPool2d_fwd_f32_global", 0, body);
}

std::unique_ptr<OpPlan> planForward(const OpRequest& request) {
  const Geometry geometry(request.in[0], request.out[0], request.attributes);
  if (geometry.global()) return planGlobal(request, geometry);
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kAvgPool2d), geometry, x = request.in[0],
                     y = request.out[0]](const RunContext& context, const void* const* in, void* const* out) {
    const int64_t images = x.batched ? context.rows : x.dims[0];
    const int64_t height = geometry.height, width = geometry.width, outHeight = y.dims[1], outWidth = y.dims[2];
    const int64_t taps = std::min(geometry.window.kernelH, height) * std::min(geometry.window.kernelW, width);
    const double cost = static_cast<double>(outWidth) * (0.03 * static_cast<double>(taps * geometry.channels) + 2.0);
    forRanges(context, images * outHeight, cost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t image = unit / outHeight, oh = unit % outHeight;
        int64_t top = 0, bottom = 0;
        geometry.window.rowsUnder(oh, height, &top, &bottom);
        kernels->forwardRow({.x = f32(in[0]) + (image * height + top) * width * x.pixelStride,
                             .rows = bottom - top,
                             .areaRows = geometry.areaRows(oh),
                             .xStride = x.pixelStride,
                             .channels = geometry.channels,
                             .columns = geometry.columns,
                             .y = f32(out[0]) + unit * outWidth * y.pixelStride,
                             .yStride = y.pixelStride});
      }
    });
    return okStatus();
  };
  auto plan = makePlan(request, "direct", "avgPool2d_fwd_f32", 0, body);
  plan->declined.emplace_back("global: the window does not hold the whole image");
  return plan;
}

Status verifyBackward(const OpRequest& request) {
  constexpr const char* kOp = "avgPool2d.backward";
  STRIATE_TRY(check::pooling(kOp, "dx", request.out[0], "dy", request.in[0], request.attributes));
  return check::isInteger(kOp, "countIncludePad", request.attributes[8], 0, 1);
}

// Each image row gathers from the windows above it, so rows are independent and every element is written once.
std::unique_ptr<OpPlan> planBackward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kAvgPool2d), dy = request.in[0], dx = request.out[0],
                     geometry = Geometry(request.out[0], request.in[0], request.attributes)](
                        const RunContext& context, const void* const* in, void* const* out) {
    const int64_t images = dx.batched ? context.rows : dx.dims[0];
    const int64_t height = geometry.height, width = geometry.width, outHeight = dy.dims[1], outWidth = dy.dims[2];
    const PoolWindow& window = geometry.window;
    const int64_t windows = (window.kernelH / window.strideH + 1) * (window.kernelW / window.strideW + 1);
    const double cost = static_cast<double>(width * windows) * (0.08 * static_cast<double>(geometry.channels) + 1.0);
    forRanges(context, images * height, cost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t image = unit / height, h = unit % height;
        // The windows oh with oh * stride - pad <= h < oh * stride - pad + kernel.
        const int64_t reach = h + window.padTop - window.kernelH + 1;
        const int64_t first = reach <= 0 ? 0 : (reach + window.strideH - 1) / window.strideH;
        const int64_t last = std::min(outHeight, (h + window.padTop) / window.strideH + 1);
        kernels->backwardRow({.dy = f32(in[0]) + (image * outHeight + first) * outWidth * dy.pixelStride,
                              .firstRow = first,
                              .rows = std::max<int64_t>(0, last - first),
                              .dyStride = dy.pixelStride,
                              .channels = geometry.channels,
                              .lines = geometry.lines,
                              .columns = geometry.columns,
                              .dx = f32(out[0]) + unit * width * dx.pixelStride,
                              .dxStride = dx.pixelStride});
      }
    });
    return okStatus();
  };
  return makePlan(request, "gather", "avgPool2d_bwd_input_f32", 0, body);
}

constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kDy[] = {"dy", nullptr};
constexpr const char* kDx[] = {"dx", nullptr};
constexpr const char* kAttributes[] = {"kernelH",   "kernelW", "strideH",  "strideW",         "padTop",
                                       "padBottom", "padLeft", "padRight", "countIncludePad", nullptr};

}  // namespace

const OpEntry kAvgPool2dOps[2] = {
    {"avgPool2d", kX, kY, kAttributes, verifyForward, planForward},
    {"avgPool2d.backward", kDy, kDx, kAttributes, verifyBackward, planBackward},
};

}  // namespace striate
