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
// Tensors beyond the last cache (16 images; here read from and written to 4 KiB pages, GB/s both ways, where a copy by
// vectors reaches 22, one past the caches 32) are stored past the caches, and the next band's rows are prefetched:
//   112x112x32, y aligned to vectors: stores past the caches and prefetch 26 to 32, either alone 17
//     prefetch of a tile's share in one burst 26, in a burst in the order of memory 28, spread over the vectors 32
//   y 16 bytes into a line, as the arrays of JavaScript are: plain stores 13; stores past the caches of half vectors 4
//     (they leave a line half full too long); through a stage in L1, copied by whole lines, 16 to 19
//   112x112x96 at stride 2 (4 reads to a write): burst 2x2 15 to 17, spread 20 to 25; 2x4 12 and 17
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
  bool beyondCaches;  // x and y exceed them; then y is dense, and `columns` pixels of it fit kDepthwiseStageFloats
  bool streams;       // beyondCaches, and pixels of y are aligned to vectors
};
using DepthwiseBandFn = void (*)(const DepthwiseBand&);

struct DepthwiseWindowKernel {
  int kernel, stride;
  int bandRows;
  int columns;  // of a tile
  DepthwiseBandFn band;
};

inline constexpr int kDepthwiseWindows = 5;
inline constexpr int64_t kDepthwiseStageFloats = 4096;  // 16 KiB for a row of a tile

struct DepthwiseWindowKernels {
  // By kernel and stride; of two that fit, the first is for images that stay in L2. What a set has no kernel for is 0.
  DepthwiseWindowKernel window[kDepthwiseWindows];
  int vectorWidth;
};

extern const DepthwiseWindowKernels kDepthwiseWindowSse2;
extern const DepthwiseWindowKernels kDepthwiseWindowAvx2;
extern const DepthwiseWindowKernels kDepthwiseWindowAvx512;
extern const DepthwiseWindowKernels kDepthwiseWindowNeon;

}  // namespace striate
