// Register tiles of depthwise convolution: one input channel per filter, so nothing is contracted and vectors run over
// channels. Plain data and function pointers only (ISA files include this).
//
//   DepthwiseTile         C[m][c] = act(sum_t rows[t][m][c] * w[t][c] + bias[c] + residual[m][c])
//   DepthwiseFilterTile   C[t][c] (+)= sum_p rows[t][p][c] * dy[p][c]
//
// A multiply-add needs a load of its own (of x), so two loads a cycle, not the FMA units, are the limit: 4 pixels share
// each load of w, which makes 10 loads for 8 FMAs.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

inline constexpr int kDepthwiseRows = 4;
inline constexpr int kDepthwiseTaps = 6;

struct DepthwiseTile {
  const float* const* rows;  // rows[t * rowStride + m] + offset
  int64_t rowStride;
  int64_t offset;
  int64_t taps;
  const float* w;  // w[t * wStride + c]
  int64_t wStride;
  float* const* c;
  const float* const* residual;  // or null; may be c itself
  const float* bias;             // or null
  int64_t channels;              // any
  int activation;
  float slope;
};
using DepthwiseTileFn = void (*)(const DepthwiseTile&);

struct DepthwiseFilterTile {
  const float* const* rows;  // rows[t * rowStride + p]
  int64_t rowStride;
  const float* dy;  // dy[p * dyPixel + c]
  int64_t dyPixel;
  int64_t pixels;
  float* c;  // c[t * cStride + channel]
  int64_t cStride;
  int64_t channels;  // any
  bool add;
};
using DepthwiseFilterTileFn = void (*)(const DepthwiseFilterTile&);

struct DepthwiseKernels {
  DepthwiseTileFn tile[kDepthwiseRows];              // entry m - 1: m rows
  DepthwiseFilterTileFn filterTile[kDepthwiseTaps];  // entry t - 1: t taps
  // y[i] = act(y[i] + bias[i] + residual[i]), bias and residual may be null
  void (*finishRow)(float* y, const float* bias, const float* residual, int64_t n, int activation, float slope);
};

extern const DepthwiseKernels kDepthwiseSse2;
extern const DepthwiseKernels kDepthwiseAvx2;
extern const DepthwiseKernels kDepthwiseNeon;

}  // namespace striate
