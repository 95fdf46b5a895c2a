// Depthwise convolution with square windows of 3 or 5 and strides of 1 or 2: what networks use. Plain data and function
// pointers only (ISA files include this).
//
//   y[o][j][c] = act(sum_ab x[o * S - padTop + a][j * S - padLeft + b][c] * w[a][b][c] + bias[c] + residual[o][j][c])
//
// A register tile is R x C outputs of one vector of channels; vectors of channels are the inner loop, so that memory is
// read in its order and the filter (packed by vector) from L1. A tile loads each of its ((R-1)*S+K) * ((C-1)*S+K)
// inputs once for all taps: 3x3 stride 1 with 2x4 outputs 24 inputs and 18 filter loads for 72 FMAs.
//
// Limits, in cycles for a vector of outputs (32 B): FMA 4.5 (3x3), 12.5 (5x5); L2 gives 32 B a cycle: with two rows at
// a time 2 input loads and 2 of output at stride 1, 6.5 at stride 2, where 3x3 is bound by it. Figures in GFLOP/s, Zen
// 4 avx2, one thread, FMA peak 118, batch 1:
//   3x3 s1 (112x112x32, 56x56x144, 28x28x192, 14x14x384, 7x7x960)
//     2x4 89 81 84 91 93 | 2x3 83 78 79 86 75 | 1x6 74 68 73 75 64 | 4x2 83 79 82 81 64 | 3x4 67 77 80 82 81
//     channels in blocks of 128 instead of all at once: -0 to -10 %; row pointers in a table, taps in a loop: 38 to 55
//   3x3 s2 (112x112x96, 56x56x144, 14x14x576)  2x4 50 50 60 | 2x2 57 54 50 | 4x1 52 53 34
//   5x5 s1 (28x28x240, 14x14x672)  1x7 89 95 | 2x4 70 72 | 1x6 80 79; with K weights of one filter row in registers
//   5x5 s2 (56x56x144, 14x14x672)  1x7 57 77 | 2x4 56 66
// Tensors beyond the last cache (batch 16, 112x112x32): stores past the cache and a prefetch of the next band's rows,
// 31 GB/s instead of 16; either alone 17.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct DepthwiseBand {  // rows of outputs of one image, over its whole width
  const float* x;       // the image; zeros stand for its padding
  int64_t height, width, xRow, xPixel;
  const float* zeros;      // `channels` zeros
  float* y;                // first output of the band
  int64_t firstRow, rows;  // 1 <= rows <= bandRows
  int64_t outWidth, yRow, yPixel;
  const float* residual;  // beside y, or null
  int64_t residualRow, residualPixel;
  const float* w;     // w[v][tap][lane] for vector v of channels, which begins at min(v * width, channels - width)
  const float* bias;  // or null
  int64_t padTop, padLeft;  // may be negative
  int64_t channels;         // at least a vector; the last vector overlaps the one before
  int activation;
  float slope;
  bool streams;  // x and y exceed the caches, and pixels of y are aligned to vectors
};
using DepthwiseBandFn = void (*)(const DepthwiseBand&);

struct DepthwiseWindowKernel {
  int kernel, stride;
  int bandRows;
  int columns;  // of a tile
  DepthwiseBandFn band;
};

inline constexpr int kDepthwiseWindows = 5;

struct DepthwiseWindowKernels {
  // By kernel and stride; of two that fit, the first is for images that stay in L2.
  DepthwiseWindowKernel window[kDepthwiseWindows];
  int vectorWidth;
};

extern const DepthwiseWindowKernels kDepthwiseWindowSse2;
extern const DepthwiseWindowKernels kDepthwiseWindowAvx2;
extern const DepthwiseWindowKernels kDepthwiseWindowNeon;

}  // namespace striate
