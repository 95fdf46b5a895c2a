// The tiles of depthwiseGradient.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/conv2d/depthwiseGradient.h"
#include "simd/unroll.h"

namespace striate {
namespace {

// block(c, w) for every vector of channels, w advancing by its K*K vectors.
template <int K, class Float, class Block>
STRIATE_INLINE void overVectors(int64_t channels, Float* w, const Block& block) {
  for (int64_t next = 0; next < channels; next += Vec::width, w += K * K * Vec::width) {
    block(next < channels - Vec::width ? next : channels - Vec::width, w);
  }
}

// dy(r, q) is the pixel r rows above and q - (K-1)/2 columns right of the tile's first; dx(p, q) the pixel of row
// parity p and column q, or null (at an edge) where there is none.
template <int K, bool kEdge, class Source, class Target>
STRIATE_INLINE void inputTile(const DepthwiseInputRows& t, const Source& dy, const Target& dx) {
  constexpr int kColumns = kDepthwiseInputColumns, kReach = (K - 1) / 2;
  overVectors<K>(
      t.channels, t.w, STRIATE_LAMBDA(int64_t c, const float* w) {
        repeat<2>(STRIATE_LAMBDA(int p) {
          Vec acc[2 * kColumns];
          repeat<2 * kColumns>(STRIATE_LAMBDA(int i) { acc[i] = Vec::zero(); });
          repeat<(K + 1) / 2>(STRIATE_LAMBDA(int r) {
            const int a = 2 * r + p;
            if (a < K) {
              Vec wv[K];
              repeat<K>(STRIATE_LAMBDA(int b) { wv[b] = Vec::load(w + (a * K + b) * Vec::width); });
              repeat<kColumns + kReach>(STRIATE_LAMBDA(int q) {
                const Vec v = Vec::load(dy(r, q) + c);
                repeat<K>(STRIATE_LAMBDA(int b) {
                  const int column = 2 * (q - kReach) + b;
                  if (column >= 0 && column < 2 * kColumns) acc[column] = fma(v, wv[b], acc[column]);
                });
              });
            }
          });
          if constexpr (kEdge) {
            repeat<2 * kColumns>(STRIATE_LAMBDA(int q) {
              if (dx(p, q) != nullptr) acc[q].store(dx(p, q) + c);
            });
          } else if (t.streams) {
            repeat<2 * kColumns>(STRIATE_LAMBDA(int q) { acc[q].stream(dx(p, q) + c); });
          } else {
            repeat<2 * kColumns>(STRIATE_LAMBDA(int q) { acc[q].store(dx(p, q) + c); });
          }
        });
      });
}

template <int K>
STRIATE_INLINE void insideInputTile(const DepthwiseInputRows& t, int64_t column) {
  constexpr int kReach = (K - 1) / 2;
  const float* dy = t.dy + t.pair * t.dyRow + (column - kReach) * t.dyPixel;
  float* dx = t.dx + (2 * t.pair - t.padTop) * t.dxRow + (2 * column - t.padLeft) * t.dxPixel;
  inputTile<K, false>(
      t, STRIATE_LAMBDA(int r, int q)->const float* { return dy - r * t.dyRow + q * t.dyPixel; },
      STRIATE_LAMBDA(int p, int q)->float* { return dx + p * t.dxRow + q * t.dxPixel; });
}

template <int K>
__attribute__((noinline)) void edgeInputTile(const DepthwiseInputRows& t, int64_t column) {
  constexpr int kColumns = kDepthwiseInputColumns, kReach = (K - 1) / 2, kIn = kColumns + kReach;
  const float* dy[(K + 1) / 2 * kIn];
  float* dx[2 * 2 * kColumns];
  for (int r = 0; r < (K + 1) / 2; ++r) {
    for (int q = 0; q < kIn; ++q) {
      const int64_t o = t.pair - r, j = column - kReach + q;
      const bool inside = o >= 0 && o < t.outHeight && j >= 0 && j < t.outWidth;
      dy[r * kIn + q] = inside ? t.dy + o * t.dyRow + j * t.dyPixel : t.zeros;
    }
  }
  for (int p = 0; p < 2; ++p) {
    for (int q = 0; q < 2 * kColumns; ++q) {
      const int64_t h = 2 * t.pair + p - t.padTop, w = 2 * column + q - t.padLeft;
      const bool inside = h >= 0 && h < t.height && w >= 0 && w < t.width;
      dx[p * 2 * kColumns + q] = inside ? t.dx + h * t.dxRow + w * t.dxPixel : nullptr;
    }
  }
  inputTile<K, true>(
      t, STRIATE_LAMBDA(int r, int q)->const float* { return dy[r * kIn + q]; },
      STRIATE_LAMBDA(int p, int q)->float* { return dx[p * 2 * kColumns + q]; });
}

template <int K>
void inputRows(const DepthwiseInputRows& t) {
  constexpr int kColumns = kDepthwiseInputColumns, kReach = (K - 1) / 2;
  const int64_t h = 2 * t.pair - t.padTop;
  const bool rowsInside = h >= 0 && h + 1 < t.height && t.pair - (K - 1) / 2 >= 0 && t.pair < t.outHeight;
  const int64_t end = (t.padLeft + t.width + 1) / 2;
  for (int64_t column = t.padLeft / 2; column < end; column += kColumns) {
    const int64_t w = 2 * column - t.padLeft;
    if (rowsInside && w >= 0 && w + 2 * kColumns <= t.width && column - kReach >= 0 &&
        column + kColumns <= t.outWidth) {
      insideInputTile<K>(t, column);
    } else {
      edgeInputTile<K>(t, column);
    }
  }
  if (t.streams) Vec::streamFence();
}

// x(a, q) is the pixel in row a and column q under the C outputs of the tile, dy(j) output j.
template <int K, int S, int C, class Source, class Output>
STRIATE_INLINE void filterTile(const DepthwiseFilterRow& t, const Source& x, const Output& dy) {
  overVectors<K>(
      t.channels, t.sums, STRIATE_LAMBDA(int64_t c, float* sums) {
        Vec d[C];
        repeat<C>(STRIATE_LAMBDA(int j) { d[j] = Vec::load(dy(j) + c); });
        repeat<K>(STRIATE_LAMBDA(int a) {
          float* at = sums + a * K * Vec::width;
          Vec acc[K];
          repeat<K>(STRIATE_LAMBDA(int b) { acc[b] = Vec::load(at + b * Vec::width); });
          repeat<(C - 1) * S + K>(STRIATE_LAMBDA(int q) {
            const Vec v = Vec::load(x(a, q) + c);
            repeat<K>(STRIATE_LAMBDA(int b) {
              if (q >= b && (q - b) % S == 0 && (q - b) / S < C) acc[b] = fma(v, d[(q - b) / S], acc[b]);
            });
          });
          repeat<K>(STRIATE_LAMBDA(int b) { acc[b].store(at + b * Vec::width); });
        });
      });
}

template <int K, int S, int C>
__attribute__((noinline)) void edgeFilterTile(const DepthwiseFilterRow& t, int64_t column) {
  constexpr int kIn = (C - 1) * S + K;
  const float* x[K * kIn];
  for (int a = 0; a < K; ++a) {
    for (int q = 0; q < kIn; ++q) {
      const int64_t h = t.row * S - t.padTop + a, w = column * S - t.padLeft + q;
      const bool inside = h >= 0 && h < t.height && w >= 0 && w < t.width;
      x[a * kIn + q] = inside ? t.x + h * t.xRow + w * t.xPixel : t.zeros;
    }
  }
  const float* dy = t.dy + column * t.dyPixel;
  filterTile<K, S, C>(
      t, STRIATE_LAMBDA(int a, int q)->const float* { return x[a * kIn + q]; },
      STRIATE_LAMBDA(int j)->const float* { return dy + j * t.dyPixel; });
}

// The outputs from `column` on, by tiles of C and then of fewer: an output too many, even times zero, would let an
// infinite x into sums where it does not belong.
template <int K, int S, int C>
STRIATE_INLINE void edgeFilterTiles(const DepthwiseFilterRow& t, int64_t column) {
  for (; t.outWidth - column >= C; column += C) edgeFilterTile<K, S, C>(t, column);
  if constexpr (C > 1) edgeFilterTiles<K, S, C / 2>(t, column);
}

template <int K, int S>
void filterRow(const DepthwiseFilterRow& t) {
  constexpr int kColumns = kDepthwiseFilterColumns;
  const int64_t top = t.row * S - t.padTop;
  int64_t column = 0;
  for (; t.outWidth - column >= kColumns; column += kColumns) {
    const int64_t left = column * S - t.padLeft;
    if (top >= 0 && top + K <= t.height && left >= 0 && left + (kColumns - 1) * S + K <= t.width) {
      const float* x = t.x + top * t.xRow + left * t.xPixel;
      const float* dy = t.dy + column * t.dyPixel;
      filterTile<K, S, kColumns>(
          t, STRIATE_LAMBDA(int a, int q)->const float* { return x + a * t.xRow + q * t.xPixel; },
          STRIATE_LAMBDA(int j)->const float* { return dy + j * t.dyPixel; });
    } else {
      edgeFilterTile<K, S, kColumns>(t, column);
    }
  }
  edgeFilterTiles<K, S, 4>(t, column);
}

constexpr DepthwiseGradientKernels kGradients = {
    {inputRows<3>, inputRows<5>}, {{filterRow<3, 1>, filterRow<3, 2>}, {filterRow<5, 1>, filterRow<5, 2>}}, Vec::width};

}  // namespace
}  // namespace striate
