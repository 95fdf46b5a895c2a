// Winograd convolution, 3x3 at stride 1: the contract of its kernels. (The notes on limits, choice and error: conv.cc.)
//
// A tile of e x e outputs reads a = e + 2 input pixels square. With the matrices B^T (a x a), G (a x 3), A^T (e x a) of
// the interpolation points,
//
//   y = A^T [ sum over c of (G g_c G^T) . (B^T d_c B) ] A          . multiplies element by element
//
// so each of the a * a elements ("points" below) is a matrix product of its own over all tiles and channels. The
// gradient of the filter is the transposed map and needs no other matrices: dg = G^T [ sum over tiles (A dy A^T) . (B^T
// d B) ] G.
//
//   V[point][tile][channel]            transformed input; rows of `stride` floats, whole vectors
//   U[panel][point][channel][width]    transformed filter; panels of 2 * lanes columns, the last of `lanes` if that
//   does M[point][tile][column]             products
//
// Plain data and function pointers only: ISA files include this header.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd/activationCodes.h"

namespace striate {

// Sizes of the two members: F(2x2, 3x3) and F(4x4, 3x3).
constexpr int winogradSpan(int edge) { return edge + 2; }
constexpr int winogradPoints(int edge) { return winogradSpan(edge) * winogradSpan(edge); }

// Pixels of one tile into points: V = B^T d B, or (of dy) A d A^T.
struct WinogradGather {
  const float* pixels;  // pixel (0, 0) of the tile, which may lie outside of the image
  int64_t rowStride, pixelStride;
  int top, bottom, left,
      right;         // the pixels of the tile that exist: top <= i < bottom, left <= j < right; others are 0
  int64_t channels;  // any; the last vector is filled up with zeros
  float* points;     // points[point * pointStride + channel]
  int64_t pointStride;
};
using WinogradGatherFn = void (*)(const WinogradGather&);

// Points of one tile into outputs: y = act(A^T M A + bias + residual).
struct WinogradScatter {
  const float* points;  // as above, whole vectors
  int64_t pointStride;
  float* pixels;  // output (0, 0) of the tile
  int64_t rowStride, pixelStride;
  const float* bias;      // or null
  const float* residual;  // or null
  int64_t residualRow, residualPixel;
  int rows, columns;  // outputs that exist, 1 .. e
  int64_t channels;
  int activation;
  float slope;
};
using WinogradScatterFn = void (*)(const WinogradScatter&);

// m[i][n] = sum over k < depth of v[i][k] * u[k][n] for i < rows, n < width: whole vectors in u and m. Two panels side
// by side are as wide as both.
struct WinogradProduct {
  const float* v;
  int64_t vStride;
  int64_t rows, depth;
  const float* u;
  const float* next;    // a hint: as many floats as u has, which will be wanted soon
  int64_t panelStride;  // from u to the second panel, and from next to that
  float* m;
  int64_t mStride;
  bool add;
};
using WinogradProductFn = void (*)(const WinogradProduct&);

// m[i][n] (+)= sum over t < depth of x[t][i] * dy[t][n] for i < rows, n < width: the gradient of the filter.
struct WinogradOuter {
  const float* x;
  int64_t xStride;
  int64_t rows, depth;
  const float* dy;
  int64_t dyStride;
  float* m;
  int64_t mStride;
  bool add;
};
using WinogradOuterFn = void (*)(const WinogradOuter&);

// Filters into panels. Filter value (tap, k, n) lies at filter[tap * tapStride + k * depthStride + n * columnStride];
// one of the last two strides is 1, and tells which of the two loops runs in vectors.
struct WinogradFilter {
  const float* filter;
  int64_t tapStride, depthStride, columnStride;
  bool rotated;              // tap t stands where 8 - t does: the gradient of the input
  const float* depthScale;   // or null: multiplied in, one per k
  const float* columnScale;  // or null: one per n
  int64_t depth;             // any
  int columns;               // of this panel, 1 .. width; the others get zeros
  int width;                 // lanes or 2 * lanes
  float* panel;              // panel[point * pointStride + k * width + n]
  int64_t pointStride;
};
using WinogradFilterFn = void (*)(const WinogradFilter&);

// dg = G^T M G for `channels` neighbouring columns of one input channel: dfilter[tap * tapStride + column]. M is the
// sum of `parts` of them, added from the first to the last.
struct WinogradFilterGradient {
  const float* points;
  int64_t pointStride;
  int64_t parts, partStride;
  float* dfilter;
  int64_t tapStride;
  int64_t channels;
};
using WinogradFilterGradientFn = void (*)(const WinogradFilterGradient&);

struct WinogradMember {
  WinogradGatherFn input;    // B^T d B
  WinogradScatterFn output;  // A^T M A
  WinogradFilterFn filter;   // G g G^T
};

struct WinogradKernels {
  int lanes;
  int rows;  // of the register tile: a block of tiles is best a multiple of it
  WinogradMember two, four;
  WinogradProductFn wide, narrow;  // width 2 * lanes, lanes
  WinogradProductFn pair;          // two wide panels; or null
  // The gradient of the filter, tiles of 4x4 only: there its filter is not the limit, and 2x2 has nothing to offer.
  WinogradGatherFn outputAdjoint;          // A dy A^T
  WinogradOuterFn wideOuter, narrowOuter;  // width 2 * lanes, lanes
  WinogradFilterGradientFn filterAdjoint;  // G^T M G
};

extern const WinogradKernels kWinogradSse2;
extern const WinogradKernels kWinogradAvx2;
extern const WinogradKernels kWinogradAvx512;
extern const WinogradKernels kWinogradNeon;

}  // namespace striate
