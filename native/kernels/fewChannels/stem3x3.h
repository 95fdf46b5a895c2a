// The first layer of a network where minimal filtering does not take it: 3x3 over 1 to 4 channels, read in place. Plain
// data and function pointers only (ISA files include this).
//
//   y[j][f] = act(bias[f] + sum_a sum_k lines[a][j * step + k] * filter[a][k][f])     k = (column of the window,
//   channel)
//
// A row of the window is one run of 3 * channels floats of a dense line, unrolled; a tile is six pixels by two vectors
// of filters. Lines outside the image are zeros; tiles that reach beyond a line's ends read a copy of their few floats.
//
// The limit is the FMA peak. Measured on Zen 4, avx2, peak 118 GFLOP/s a thread: 224x224x3 at stride 2 to 32
// (MobileNetV2, relu6) 0.215 ms, 85 % of it, where 0.184 is the limit; rows of a padded copy as a product
// (smallChannel.cc) 0.263. To 64 without padding (SqueezeNet) 0.407 ms, 88 %, against 0.470. Two threads: 0.111 and
// 0.218 against 0.174 and 0.258. What remains is the last tile of a row, which meets pixels again (2 %), the activation
// on the ports of multiplication (4 to 7 %), and the edges. Tried: fetching the tile's lines of y before its sums, no
// faster. At stride 1 minimal filtering (stem.h) wins while y fits
// the last cache: 0.028 ms against 0.039 on 32x32, 1.47 against 1.68 on 224x224 (12.8 MB); 448x448 (51 MB) takes this
// 6.8 ms, stem 8.9. At stride 2 it
// would take 17.3 terms per output (5x5 of 2x2 taps in four phases) instead of 27; the rest of its time, as measured at
// stride 1, takes that gain away, so it was not tried.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd/activationCodes.h"

namespace striate {

inline constexpr int kStem3x3Pixels = 6;  // of a tile
inline constexpr int kStem3x3Channels = 4;

struct Stem3x3Row {
  const float* lines[3];  // of the window of the first pixel
  int64_t step;           // floats from pixel to pixel: stride * channels
  int64_t tiles;          // of six neighbouring pixels each
  const float* filter;    // [panel][a][k][width], width = 2 vectors
  int64_t panels;
  const float* bias;  // or null
  float* y;
  int64_t yPixel;
  int activation;  // not sigmoid or tanh
  float slope;
};

struct Stem3x3Kernels {
  int width;                                         // filters of a panel
  void (*row[kStem3x3Channels])(const Stem3x3Row&);  // entry c - 1: c channels
};

extern const Stem3x3Kernels kStem3x3Sse2;
extern const Stem3x3Kernels kStem3x3Avx2;
extern const Stem3x3Kernels kStem3x3Avx512;
extern const Stem3x3Kernels kStem3x3Neon;

}  // namespace striate
