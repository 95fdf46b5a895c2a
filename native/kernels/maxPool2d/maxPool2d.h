// maxPool2d and its backward op: lib/graph/opSchema.ts.
//
//   forward    y[oh,ow,c] = max over the window of (oh,ow), clipped to the image, of x[h,w,c]; NaN if there is one
//   backward   dx[h,w,c] = sum of dy[oh,ow,c] over the windows whose first maximum in row-major order is (h,w); a NaN
//   counts as
//              a maximum, the first one wins
//
// Pixels are `channels` contiguous floats at any alignment, pixelStride elements apart; an image row is `width` pixels.
// Every window holds at least one pixel of the image. Nothing overlaps. Backward recomputes the maxima: cheaper than
// storing indices, since x is in the cache anyway.
//
// Windows of 2x2 and 3x3 go by tiles of four (simd/poolTile.h); the others, and those at the border, one by one. A
// tile's gradient takes its four maxima, then compares each input once more: for 3x3 at stride 2 20 comparisons and
// maxima, 9 additions and 7 loads and stores of dx for a vector of outputs, 12 cycles, where a window by itself
// took 50. Contributions are added in the order of the windows either way. Fewer channels than a vector: forward
// reduces the rows as if there were no pixels.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct MaxPoolRow {  // one row of windows of one image
  const float* x;    // first image row under the windows
  int64_t rows;      // image rows under the windows
  int64_t width, xStride, channels;
  int64_t outWidth, kernelW, strideW, padLeft;
  float* y;
  int64_t yStride;
};

struct MaxPoolImage {  // all windows of one image, for the first `channels` channels behind the pointers
  const float* x;
  const float* dy;
  float* dx;
  int64_t xStride, dyStride, dxStride, channels;
  int64_t height, width, outHeight, outWidth;
  int64_t kernelH, kernelW, strideH, strideW, padTop, padLeft;
};

struct MaxPool2dKernels {
  void (*forwardRow)(const MaxPoolRow& row);
  void (*backwardImage)(const MaxPoolImage& image);
};

extern const MaxPool2dKernels kMaxPool2dSse2;
extern const MaxPool2dKernels kMaxPool2dAvx2;
extern const MaxPool2dKernels kMaxPool2dNeon;

}  // namespace striate
