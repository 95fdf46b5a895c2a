// The first layer of a network, few channels to many filters, by Winograd's minimal filtering with six points. Plain
// data and function pointers only (ISA files include this).
//
// A kernel of k taps at stride s is s * s kernels of r = ceil(k / s) taps at stride 1, one for each phase of the image;
// phases count as channels, and their sums meet before the output transform. m = 7 - r outputs per axis come from six
// inputs of each phase: 7x7 at stride 2 is F(3x3, 4x4) over 12 channels, 3x3 at stride 1 is F(4x4, 3x3) over 3.
//
//   V[p][t][k]  = (B^T d B)[p]     d: 6x6 inputs of one phase and channel; k = (phase of rows, phase of columns,
//   channel) M[p][t][f]  = sum_k V[p][t][k] * U[p][k][f]                            36 points p, tiles t y           =
//   act(A^T M A + bias)                                      m x m outputs of a tile
//
// The limit: 36 products for 9 outputs of 16 taps (9 instead of 36.75 terms per output of a 7x7 over 3 channels with
// its four phases), 36 for 16 of 9 taps. What remains is the transform of the output, 11 or 12 vectors of additions on
// ports of their own, and short sums. Measured on Zen 4, avx2, one thread, FMA peak 118 GFLOP/s, counted as the plain
// definition: 7x7 stride 2 over 224x224x3 to 64: 1.24 ms, 191 GFLOP/s (rows of patches as a product: 2.2 ms, 107);
// 5x5 stride 2 to 32: 171; 3x3 to 64: 132 on images to 160x160 (95), 95 on 224x224 (92), where storing 12.8 MB is the
// limit. Tried: the points 0, 1, -1, 2, -2 (4 % faster, four times the error); results through a buffer of whole rows
// (20 % slower in cache, no faster beyond); F(4x4, 4x4) would save another quarter of the products for ten times the
// error. Error on random data: 1e-5 absolute for sums of 147 products of values in [-1, 1); the bound is derived in
// native/test/stem_test.cc.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd/activationCodes.h"

namespace striate {

inline constexpr int kStemPoints = 6;      // of one axis
inline constexpr int kStemTiles = 6;       // in a register tile
inline constexpr int kStemMostLanes = 16;  // floats that a vector may read or write beyond its run

struct StemInput {
  const float* x;  // first pixel of the tile in a padded copy, kStemMostLanes floats readable behind it
  int64_t line;    // floats of a line
  int64_t stride;  // s
  int64_t run;     // s * channels: the contiguous floats of one position in all phases of the column
  float* v;        // [p] at v + p * vPoint; s * run floats, overwrites kStemMostLanes floats behind them
  int64_t vPoint;
};
struct StemProduct {
  const float* v;  // v[p * vPoint + t * depth + k]
  int64_t vPoint;
  int64_t depth;
  const float* u;  // u[(p * depth + k) * width + f], width = 2 vectors
  float* m;        // m[(p * kStemTiles + t) * width + f]
};
struct StemOutput {
  const float* m;     // of one tile
  const float* bias;  // or null
  float* y;
  int64_t row, pixel;  // strides of y
  int rows, columns;   // live outputs, 1 .. m
  int activation;      // not sigmoid or tanh
  float slope;
};

struct StemKernels {
  int width;  // filters of a panel
  void (*input)(const StemInput&);
  void (*product[kStemTiles])(const StemProduct&);  // entry t - 1: t tiles
  void (*output[2])(const StemOutput&);             // m = 3, 4
};

extern const StemKernels kStemSse2;
extern const StemKernels kStemAvx2;
extern const StemKernels kStemAvx512;
extern const StemKernels kStemNeon;

}  // namespace striate
