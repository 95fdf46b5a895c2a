// The sliding window of pooling in plain numbers, and the twin of its shape rule (lib/shape/window.ts).
#pragma once
#include <algorithm>

#include "kernels/check.h"

namespace striate {

struct PoolWindow {
  int64_t kernelH, kernelW, strideH, strideW, padTop, padBottom, padLeft, padRight;

  // From verified attributes, in the order of the schema.
  static PoolWindow of(const double* attributes) {
    PoolWindow window{};
    int64_t* fields[] = {&window.kernelH, &window.kernelW,   &window.strideH, &window.strideW,
                         &window.padTop,  &window.padBottom, &window.padLeft, &window.padRight};
    for (int64_t* field : fields) *field = static_cast<int64_t>(*attributes++);
    return window;
  }

  // Image rows [begin, end) under the windows of output row oh; never empty.
  void rowsUnder(int64_t oh, int64_t height, int64_t* begin, int64_t* end) const {
    const int64_t top = oh * strideH - padTop;
    *begin = std::max<int64_t>(top, 0);
    *end = std::min(top + kernelH, height);
  }
};

namespace check {

// The number of windows along an axis is the formula's, rounded down, or up if the last window begins before the
// trailing padding; and each window holds at least one pixel of the image: the first ends behind the leading padding,
// the last begins within the image, the others lie between them.
inline Status poolAxis(const char* op, const char* axis, int64_t size, int64_t out, int64_t kernel, int64_t stride,
                       int64_t before, int64_t after) {
  const int64_t span = size + before + after - kernel;
  const int64_t last = size + before - 1;  // where a window may begin at most, counted from the padded edge
  const bool floorCount = span >= 0 && out - 1 == span / stride;
  const bool ceilCount = span >= 0 && out - 1 == span / stride + (span % stride != 0 ? 1 : 0);
  STRIATE_REFUSE_IF(!floorCount && !ceilCount, op, ": the number of windows along the ", axis, " must be (size ", size,
                    " + padding ", before, " + ", after, " - kernel ", kernel, ") / stride ", stride, " + 1, got ",
                    out);
  STRIATE_REFUSE_IF(before >= kernel || out - 1 > last / stride, op, ": every window must reach into the image, got ",
                    axis, " ", size, " with padding ", before, " + ", after, ", kernel ", kernel, ", stride ", stride,
                    " and ", out, " windows");
  return okStatus();
}

// `image` [n,h,w,c] is pooled to `pooled` [n,oh,ow,c].
inline Status pooling(const char* op, const char* imageName, const TensorDesc& image, const char* pooledName,
                      const TensorDesc& pooled, const double* attributes) {
  static constexpr const char* kNames[] = {"kernelH", "kernelW",   "strideH", "strideW",
                                           "padTop",  "padBottom", "padLeft", "padRight"};
  for (int i = 0; i < 8; ++i) STRIATE_TRY(isInteger(op, kNames[i], attributes[i], i < 4 ? 1 : 0));
  STRIATE_TRY(isF32(op, imageName, image));
  STRIATE_TRY(isF32(op, pooledName, pooled));
  STRIATE_REFUSE_IF(image.rank != 4 || pooled.rank != 4, op, ": ", imageName, " and ", pooledName,
                    " must be [rows,height,width,channels], got ", shapeOf(image), " and ", shapeOf(pooled));
  STRIATE_REFUSE_IF(
      image.dims[0] != pooled.dims[0] || image.dims[3] != pooled.dims[3] || image.batched != pooled.batched, op, ": ",
      pooledName, " must have the rows and channels of ", imageName, " ", shapeOf(image), ", got ", shapeOf(pooled));
  const PoolWindow w = PoolWindow::of(attributes);
  STRIATE_TRY(poolAxis(op, "height", image.dims[1], pooled.dims[1], w.kernelH, w.strideH, w.padTop, w.padBottom));
  return poolAxis(op, "width", image.dims[2], pooled.dims[2], w.kernelW, w.strideW, w.padLeft, w.padRight);
}

}  // namespace check
}  // namespace striate
