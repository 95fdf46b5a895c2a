// im2col writes, for every output pixel, the inputs that a sliding window sees there; col2im is its adjoint.
//   columns[r][(a * kernelW + b) * channels + c] = x[image][i * strideH - padTop + a * dilationH][...][c], 0 in the
//   padding
// Plain data and function pointers only (ISA files include this). Lines are the unit of work: no two tasks write the
// same.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct SlidingWindow {
  int64_t h, w, channels, pixel;  // of x; pixel is its stride in elements
  int64_t oh, ow, columnsPixel;   // of columns
  int64_t kernelH, kernelW, strideH, strideW, padTop, padLeft, dilationH, dilationW;
};

struct Im2colKernels {
  // Output line i of one image: `ow` pixels of columns from `columns` on.
  void (*gatherLine)(const SlidingWindow& window, const float* image, int64_t i, float* columns);
  // Input line of one image: x[p][c] = sum of all entries that gatherLine would read there. `columns` is the image's
  // first.
  void (*scatterLine)(const SlidingWindow& window, const float* columns, int64_t line, float* x);
};

extern const Im2colKernels kIm2colSse2;
extern const Im2colKernels kIm2colAvx2;
extern const Im2colKernels kIm2colNeon;

}  // namespace striate
