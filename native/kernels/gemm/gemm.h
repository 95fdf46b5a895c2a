// Register tiles of matrix multiplication: the one place where convolution and matmul spend their time.
//
// Plain data and function pointers only: ISA files include this header (no std::, so that they emit no weak symbol).
// Two tiles exist, each as a family of functions by number of rows:
//
//   indirect tile   C[m][n] = act(sum_t sum_k rows[t][m][k] * B[t][k][n] + bias[n] + residual[m][n])
//                   A is read through row pointers into the NHWC image: no im2col matrix, no packed copy. A tap that
//                   falls into the padding points at a row of zeros.
//   pixel tile      C[m][n] (+)= sum_p rows[p][m] * B[p][n]
//                   A^T B with the contraction over pixels: the filter gradient, and matmul with transposeA.
//
// Sizes per instruction set (rows x columns of accumulators):
//   avx2  6 x 16   12 accumulators + 2 of B + 1 broadcast of A = 15 of 16 registers; per k 12 FMAs, 8 loads
//         8 x 8    for at most 8 columns: latency 4 x 2 units need 8 chains. 12 x 8 would have a better ratio of loads,
//         but 12 row
//                  pointers do not fit the general registers: 3 % slower. Over pixels (one pointer) 12 x 8 is 8 %
//                  faster.
//   avx512  14 x 32  28 accumulators + 2 of B + 1 broadcast of A = 31 of 32 registers; per k 28 FMAs, 16 loads. Row
//         pointers that do not fit are loaded again at each k: 28 FMAs leave ports for that. 8 x 16 for at most 16
//         columns, 14 x 16 over pixels. Zen 4 has the FMA peak of avx2, so what is gained there (in one run with avx2,
//         one thread) is fewer tiles, loads and stores: products of 1x1 and im2col 0 to 7 %, over pixels 2 to 12; 16
//         columns over few pixels lose 8 (a load for each FMA). 24 and 40 columns stay with avx2 there: gemmKernels().
//         6 x 64   two panels side by side: 24 accumulators + 4 of B; per k 24 FMAs, 10 loads, and 6 row pointers stay
//         in registers. Intel Xeon (family 6, model 85), all operands in L1 or L2, of 153 GFLOP/s: 14 x 32 128 to 136,
//         without its row pointers (one pointer) 142, 12 x 32 138 to 142, 9 x 48 145 to 148, 6 x 64 141 to 146; half of
//         the broadcasts folded into the FMAs: 1 to 2 % more or less. 9 x 48 would leave 16 or 32 of 2^n columns over.
//   sse2  4 x 8,  8 x 4      neon  8 x 8, 12 x 4
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd/activationCodes.h"

namespace striate {

inline constexpr int kMaxTileRows = 16;

// What later tiles will read: before every 16 terms of the sum, `lines` addresses are fetched, each `step` floats after
// the one before. Prefetches never fault, so they may run past the end (but stay in mapped memory: a page walk that
// fails is slow).
struct Ahead {
  const float* at = nullptr;
  int64_t step = 16;
  int64_t lines = 0;
  int64_t tileStep = 0;  // floats from what one tile asks for to what the next one does
};

// A stack of tiles of the same columns, one below the other: what is the same for all of them is set up once.
struct IndirectTile {
  int64_t tiles;             // 1 and more
  const float* const* rows;  // rows[t * rowStride + m] + offset: `channels` contiguous floats, any alignment
  int64_t rowStride;
  int64_t offset;       // the same for every row: first channel of a group or of a block of channels
  int64_t taps;         // any, 0 included: the sum is then empty
  int64_t channels;     // any
  const float* b;       // b[(t * channels + k) * width + n], width = that of the panel; columns >= n hold zeros
  int64_t panelStride;  // from there to a second panel, of tiles that are two panels wide
  float* const* c;      // c[m] + column
  const float* const* residual;  // residual[m] + column, or null; may be c itself (that is how long sums continue)
  int64_t column;
  const float* bias;  // bias + column, or null
  int columns;        // live columns, 1 .. width of the tile; others are neither read nor written
  bool contiguous;    // c[m + 1] == c[m] + columns: a row may be stored in whole vectors if a later one overwrites the
                      // excess
  int activation;
  float slope;
  bool fetchesTarget;  // c and residual come from far away: what is done at the end would wait for them
  Ahead ahead[2];      // of B and of the source
};
using IndirectTileFn = void (*)(const IndirectTile&);

struct PixelTile {
  const float* const* rows;  // rows[p] + offset: as many contiguous floats as the tile has rows
  int64_t offset;
  int64_t pixels;  // any
  const float* b;  // b[p * width + n]; columns >= n hold zeros
  float* c;        // c[m * cStride + n]
  int64_t cStride;
  int columns;  // live columns
  bool add;     // add to c instead of overwriting it
};
using PixelTileFn = void (*)(const PixelTile&);

// wide: 2 vectors of columns, narrow: 1. Entry m - 1 computes tiles of m rows; null past the family's last.
struct GemmKernels {
  const char* isa;
  int lanes;
  int wideRows;  // of both kinds of tile
  int narrowRows;
  int narrowPixelRows;
  IndirectTileFn wide[kMaxTileRows];
  IndirectTileFn narrow[kMaxTileRows];
  PixelTileFn wideOverPixels[kMaxTileRows];
  PixelTileFn narrowOverPixels[kMaxTileRows];
  // Panel n / width of packed, panelStride floats after the one before, gets at [k * width + n % width], for k < depth,
  // b[k * stride + n] times scale[n] (null: 1); zeros fill up the last one. width is lanes or 2 * lanes. The rows of b
  // are read whole and one after the other: panel by panel, in pieces of 128 bytes that lie 2 KiB apart, memory gave an
  // Intel Xeon (family 6, model 85) 1 GB/s instead of 8.
  void (*packRows)(const float* b, int64_t stride, int64_t depth, int64_t columns, int width, int64_t panelStride,
                   const float* scale, float* packed);
  // packed[k * width + n] = b[n * stride + k] * scale[n] for n < columns, else 0: one panel.
  void (*packTransposed)(const float* b, int64_t stride, int64_t depth, int columns, int width, const float* scale,
                         float* packed);
  // planes[q * planeStride + p * planeRows + m] = rows[p][offset + q * planeRows + m] for all channels c = q *
  // planeRows
  // + m < channels: a plane holds the rows of one pixel tile for all pixels, one after the other. Up to a vector is
  // written past the last pixel of a plane.
  void (*packPlanes)(const float* const* rows, int64_t offset, int64_t pixels, int64_t channels, int planeRows,
                     int64_t planeStride, float* planes);
  // Tiles as wide as two whole wide panels; pairRows is 0 where there are none, entries of few rows are null.
  int pairRows = 0;
  IndirectTileFn pairs[kMaxTileRows] = {};
};

extern const GemmKernels kGemmSse2;
extern const GemmKernels kGemmAvx2;
extern const GemmKernels kGemmAvx512;
extern const GemmKernels kGemmNeon;

}  // namespace striate
