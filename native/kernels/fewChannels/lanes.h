// Register tiles of convolutions whose channels or filters are too few to fill vectors: lanes run over pixels or over
// images instead, and the filter's taps are broadcast. Plain data and function pointers only (ISA files include this).
//
//   LanesTile         y[p][f] = act(bias[f] + sum_k x[p][offsets[k]] * w[k][f])           a vector for each p and f
//   LanesFilterTile   sums[k][f] += sum over rows r, columns c of x[k](r, c) * dy[f](r, c)  likewise
//
// Both come in shapes of p (or k) by f that use 8 to 12 accumulators, on avx512 to 24; see LanesKernels::depth. What a
// lane is, only the drivers know: pixelLanes.cc takes neighbouring pixels of a row, imageLanes.cc the same pixel of as
// many images.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd/activationCodes.h"

namespace striate {

inline constexpr int kLanesGroup = 6;  // filters
inline constexpr int kMostLanesDepth = 8;
inline constexpr int kMostLanes = 16;  // of any instruction set

struct LanesTile {
  const float* x[kMostLanesDepth];
  const int64_t* offsets;
  int64_t terms;  // any
  const float* w;
  const float* bias;          // or null
  float* y[kMostLanesDepth];  // filter f goes to y[p] + f * lanes
  int activation;             // none, relu, leakyRelu or relu6: what fits into registers
  float slope;
};
using LanesTileFn = void (*)(const LanesTile&);

struct LanesFilterTile {
  const float* x;
  const int64_t* offsets;  // of the terms
  int64_t xRow, xColumn;   // steps, in elements
  const float* dy;         // filter f: dy + f * lanes
  int64_t dyRow, dyColumn;
  int64_t rows, columns;
  float* sums;  // vector (k, f): sums + (k * sumStride + f) * lanes
  int64_t sumStride;
};
using LanesFilterTileFn = void (*)(const LanesFilterTile&);

struct LanesKernels {
  int lanes;
  // The most vectors of pixels (terms of the filter's gradient) beside a group of g filters: entry g - 1.
  int depth[kLanesGroup];
  LanesTileFn tile[kLanesGroup][kMostLanesDepth];  // [filters - 1][vectors - 1]; null past depth
  LanesFilterTileFn filterTile[kLanesGroup][kMostLanesDepth];
  // to[i * lanes + l] = rows[l][i] for i < n; lanes without a row hold zeros.
  void (*interleave)(const float* const* rows, int count, int64_t n, float* to);
  // rows[l][i] = from[i * lanes + l] for l < count, i < n.
  void (*deinterleave)(const float* from, float* const* rows, int count, int64_t n);
  // planes[c * planeStride + i] = pixels[i * pixel + c] for i < n, c < channels.
  void (*planesOf)(const float* pixels, int64_t pixel, int64_t channels, int64_t n, float* planes, int64_t planeStride);
  // The reverse from vectors of lanes pixels: pixels[(v * lanes + l) * pixel + f] = vectors[(v * filters + f) * lanes +
  // l] for v * lanes + l < n. With pixel == filters whole vectors are stored where later ones overwrite the excess.
  void (*pixelsOf)(const float* vectors, int64_t filters, int64_t n, float* pixels, int64_t pixel);
  // y[i] = act(y[i] + residual[i]), i < n; residual may be null.
  void (*finish)(float* y, const float* residual, int64_t n, int activation, float slope);
  // to[i] = the sum over the lanes of vectors[i], i < n.
  void (*reduce)(const float* vectors, int64_t n, float* to);
};

extern const LanesKernels kLanesSse2;
extern const LanesKernels kLanesAvx2;
extern const LanesKernels kLanesAvx512;
extern const LanesKernels kLanesNeon;

}  // namespace striate
