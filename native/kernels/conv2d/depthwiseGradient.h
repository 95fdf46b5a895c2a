// The gradients of depthwise convolution with square windows of 3 or 5: that of the input for a stride of 2 (stride 1
// is depthwiseWindow.h with the filter turned), that of the filter for strides 1 and 2. Plain data and function
// pointers only (ISA files include this).
//
//   input    dx[h][w][c] = sum of dy[o][j][c] * w[a][b][c] over 2o + a = h + padTop, 2j + b = w + padLeft
//   filter   sums[a][b][c] += sum over a row of outputs of dy[o][j][c] * x[o * S - padTop + a][j * S - padLeft + b][c]
//
// Input: in coordinates h + padTop an even row takes the taps of even a, an odd row those of odd a, whatever the
// padding; a tile is 2 x 8 pixels of dx over one row and four columns of dy, and no phase is a problem of its own. 36
// FMAs take 24 loads and 16 stores: with a vector stored per cycle the stores are the limit, and the cache they go to.
//
// Filter: a tile is seven outputs of one row and one vector of channels. The K*K sums stay in L1 (packed by vector) and
// pass through registers row by row: for 63 FMAs (3x3, stride 1) 43 loads and 9 stores. Sums in registers over all
// pixels of a row would need a pass per vector of channels, each through half of every cache line.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct DepthwiseInputRows {  // rows 2 * pair and 2 * pair + 1 of h + padTop, of one image
  const float* dy;           // the image
  int64_t outHeight, outWidth, dyRow, dyPixel;
  const float* zeros;  // `channels` zeros
  float* dx;           // the image
  int64_t height, width, dxRow, dxPixel;
  int64_t pair, padTop, padLeft;
  const float* w;    // w[v][tap][lane] for vector v of channels, which begins at min(v * width, channels - width)
  int64_t channels;  // at least a vector; the last vector overlaps the one before
  bool streams;      // dx and dy exceed the caches, and pixels of dx are aligned to vectors
};

struct DepthwiseFilterRow {
  const float* x;  // the image
  int64_t height, width, xRow, xPixel;
  const float* zeros;  // `channels` zeros
  const float* dy;     // the row of outputs
  int64_t row, outWidth, dyPixel;
  float* sums;  // sums[v][tap][lane], vectors as above
  int64_t padTop, padLeft;
  int64_t channels;  // at least a vector
};

struct DepthwiseGradientKernels {
  void (*inputRows[2])(const DepthwiseInputRows&);     // stride 2: 3x3, 5x5
  void (*filterRow[2][2])(const DepthwiseFilterRow&);  // [3x3, 5x5][stride - 1]
  int vectorWidth;
};

inline constexpr int kDepthwiseInputColumns = 4;   // of dy
inline constexpr int kDepthwiseFilterColumns = 7;  // of dy

extern const DepthwiseGradientKernels kDepthwiseGradientSse2;
extern const DepthwiseGradientKernels kDepthwiseGradientAvx2;
extern const DepthwiseGradientKernels kDepthwiseGradientNeon;

}  // namespace striate
