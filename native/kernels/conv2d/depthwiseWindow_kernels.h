// The tiles of depthwiseWindow.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/conv2d/depthwiseWindow.h"
#include "simd/epilogue.h"
#include "simd/lanes.h"
#include "simd/unroll.h"

namespace striate {
namespace {

template <int K, int S, int R, int C>
struct WindowTile {
  static constexpr int inRows = (R - 1) * S + K, inColumns = (C - 1) * S + K;

  // x(r, q) is the pixel in row r and column q under the tile.
  template <class At>
  static STRIATE_INLINE void sums(Vec (&acc)[R][C], const At& x, const float* w, int64_t c) {
    repeat<inRows>(STRIATE_LAMBDA(int r) {
      Vec wv[R][K];
      repeat<R * K>(STRIATE_LAMBDA(int i) {
        const int o = i / K, b = i % K, a = r - o * S;
        if (a >= 0 && a < K) wv[o][b] = Vec::load(w + (a * K + b) * Vec::width);
      });
      repeat<inColumns>(STRIATE_LAMBDA(int q) {
        const Vec v = Vec::load(x(r, q) + c);
        repeat<R * C>(STRIATE_LAMBDA(int i) {
          const int o = i / C, j = i % C, a = r - o * S, b = q - j * S;
          if (a >= 0 && a < K && b >= 0 && b < K) acc[o][j] = fma(v, wv[o][b], acc[o][j]);
        });
      });
    });
  }

  // Asks for its share of the rows that the next band adds: those of this tile's columns, a vector's part of the lines
  // per vector, since a burst of requests would hold up the loads behind it.
  static STRIATE_INLINE void prefetchNextBand(const DepthwiseBand& t, int64_t column, int64_t channel) {
    constexpr int64_t kLine = 16;
    constexpr int kLines = (C * S * Vec::width + kLine - 1) / kLine;
    const float* next = t.x + (t.firstRow * S - t.padTop + inRows) * t.xRow + (column * S - t.padLeft) * t.xPixel;
    repeat<R * S * kLines>(STRIATE_LAMBDA(int i) {
      __builtin_prefetch(next + i / kLines * t.xRow + channel * C * S + i % kLines * kLine, 0, 2);
    });
  }

  // Outputs from `column` on.
  template <class At>
  static STRIATE_INLINE void run(const DepthwiseBand& t, int64_t column, const At& x) {
    float* y = t.y + column * t.yPixel;
    const float* w = t.w;
    const Vec slope = Vec::broadcast(t.slope);
    for (int64_t next = 0; next < t.channels; next += Vec::width, w += K * K * Vec::width) {
      const int64_t c = next < t.channels - Vec::width ? next : t.channels - Vec::width;
      Vec acc[R][C];
      const Vec start = t.bias == nullptr ? Vec::zero() : Vec::load(t.bias + c);
      repeat<R * C>(STRIATE_LAMBDA(int i) { acc[i / C][i % C] = start; });
      if (t.beyondCaches) prefetchNextBand(t, column, next);
      sums(acc, x, w, c);
      if (t.residual != nullptr) {
        const float* residual = t.residual + column * t.residualPixel + c;
        repeat<R * C>(STRIATE_LAMBDA(int i) {
          const float* from = residual + i / C * t.residualRow + i % C * t.residualPixel;
          acc[i / C][i % C] = add(acc[i / C][i % C], Vec::load(from));
        });
      }
      if (t.activation == kActivationRelu) {
        repeat<R * C>(STRIATE_LAMBDA(int i) { acc[i / C][i % C] = reluV(acc[i / C][i % C]); });
      } else if (t.activation == kActivationRelu6) {
        repeat<R * C>(STRIATE_LAMBDA(int i) { acc[i / C][i % C] = relu6V(acc[i / C][i % C]); });
      } else if (t.activation == kActivationLeakyRelu) {
        repeat<R * C>(STRIATE_LAMBDA(int i) { acc[i / C][i % C] = leakyReluV(acc[i / C][i % C], slope); });
      }
      const auto to = STRIATE_LAMBDA(int i)->float* { return y + i / C * t.yRow + i % C * t.yPixel + c; };
      if (t.streams) {
        repeat<R * C>(STRIATE_LAMBDA(int i) { acc[i / C][i % C].stream(to(i)); });
      } else {
        repeat<R * C>(STRIATE_LAMBDA(int i) { acc[i / C][i % C].store(to(i)); });
      }
    }
  }
};

// All taps lie in the image.
template <int K, int S, int R, int C>
STRIATE_INLINE void insideTile(const DepthwiseBand& t, int64_t column) {
  using Tile = WindowTile<K, S, R, C>;
  const float* x = t.x + (t.firstRow * S - t.padTop) * t.xRow + (column * S - t.padLeft) * t.xPixel;
  Tile::run(
      t, column, STRIATE_LAMBDA(int r, int q)->const float* { return x + r * t.xRow + q * t.xPixel; });
}

// Any others: pixels outside the image are the zeros.
template <int K, int S, int R, int C>
__attribute__((noinline)) void edgeTile(const DepthwiseBand& t, int64_t column) {
  using Tile = WindowTile<K, S, R, C>;
  const int64_t top = t.firstRow * S - t.padTop, left = column * S - t.padLeft;
  const float* pixels[Tile::inRows * Tile::inColumns];
  for (int r = 0; r < Tile::inRows; ++r) {
    for (int q = 0; q < Tile::inColumns; ++q) {
      const int64_t h = top + r, w = left + q;
      const bool inside = h >= 0 && h < t.height && w >= 0 && w < t.width;
      pixels[r * Tile::inColumns + q] = inside ? t.x + h * t.xRow + w * t.xPixel : t.zeros;
    }
  }
  Tile::run(
      t, column, STRIATE_LAMBDA(int r, int q)->const float* { return pixels[r * Tile::inColumns + q]; });
}

// The columns from `column` on, by tiles of C and then of fewer.
template <int K, int S, int R, int C>
STRIATE_INLINE void edgeColumns(const DepthwiseBand& t, int64_t column) {
  for (; t.outWidth - column >= C; column += C) edgeTile<K, S, R, C>(t, column);
  constexpr int kFewer = C > 4 ? 4 : K == 5 ? C / 2 : C - 1;
  if constexpr (kFewer > 0) edgeColumns<K, S, R, kFewer>(t, column);
}

template <int K, int S, int R, int C>
STRIATE_INLINE int64_t wholeTiles(const DepthwiseBand& t, int64_t column) {
  using Tile = WindowTile<K, S, R, C>;
  const int64_t top = t.firstRow * S - t.padTop;
  if (top < 0 || top + Tile::inRows > t.height) return column;
  for (; t.outWidth - column >= C; column += C) {
    const int64_t left = column * S - t.padLeft;
    if (left >= 0 && left + Tile::inColumns <= t.width) {
      insideTile<K, S, R, C>(t, column);
    } else {
      edgeTile<K, S, R, C>(t, column);
    }
  }
  return column;
}

__attribute__((noinline)) void activatePixels(float* y, int64_t pixels, int64_t yPixel, int64_t channels,
                                              int activation, float slope) {
  const Vec slopes = Vec::broadcast(slope);
  forPixels(pixels, channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
    float* at = y + p * yPixel + c;
    lanes.store(at, activateV(lanes.load(at), activation, slopes));
  });
}

// The columns from `column` to t.outWidth.
template <int K, int S, int R, int C>
__attribute__((noinline)) void columns(const DepthwiseBand& t, int64_t column) {
  if (t.rows == R) {
    edgeColumns<K, S, R, C>(t, wholeTiles<K, S, R, C>(t, column));
  } else if constexpr (R > 1) {
    edgeColumns<K, S, 1, C>(t, column);  // the last row of an odd number
  }
  if (!activatesInRegisters(t.activation)) {
    for (int64_t row = 0; row < t.rows; ++row) {
      activatePixels(t.y + row * t.yRow + column * t.yPixel, t.outWidth - column, t.yPixel, t.channels, t.activation,
                     t.slope);
    }
  }
}

// to[0, n) = from[0, n), past the caches in whole lines.
STRIATE_INLINE void streamFloats(float* to, const float* from, int64_t n) {
  constexpr int64_t kLine = 16;
  const int64_t past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) / sizeof(float)) % kLine;
  int64_t i = past == 0 ? 0 : kLine - past;
  if (i > n) i = n;
  const auto storeSome = STRIATE_LAMBDA(int64_t begin, int64_t end) {
    for (; begin < end; begin += Vec::width) {
      const int left = end - begin < Vec::width ? static_cast<int>(end - begin) : Vec::width;
      Vec::loadPartial(from + begin, left).storePartial(to + begin, left);
    }
  };
  storeSome(0, i);
  for (; i + kLine <= n; i += kLine) {
    repeat<kLine / Vec::width>(
        STRIATE_LAMBDA(int v) { Vec::load(from + i + v * Vec::width).stream(to + i + v * Vec::width); });
  }
  storeSome(i, n);
}

// Tiles fill a stage in L1, which is then copied row by row.
template <int K, int S, int R, int C>
void stagedBand(const DepthwiseBand& t) {
  alignas(64) float stage[R][kDepthwiseStageFloats];
  constexpr int64_t kPart = 1024;  // floats of a row, about
  const int64_t step = kPart / t.yPixel < C ? C : kPart / t.yPixel / C * C;
  DepthwiseBand part = t;
  part.yRow = kDepthwiseStageFloats;
  for (int64_t column = 0; column < t.outWidth; column += step) {
    part.outWidth = column + step < t.outWidth ? column + step : t.outWidth;
    part.y = stage[0] - column * t.yPixel;
    columns<K, S, R, C>(part, column);
    for (int64_t row = 0; row < t.rows; ++row) {
      streamFloats(t.y + row * t.yRow + column * t.yPixel, stage[row], (part.outWidth - column) * t.yPixel);
    }
  }
}

template <int K, int S, int R, int C>
void windowBand(const DepthwiseBand& t) {
  if (t.beyondCaches && !t.streams) {
    stagedBand<K, S, R, C>(t);
  } else {
    columns<K, S, R, C>(t, 0);
  }
  if (t.beyondCaches) Vec::streamFence();
}

// Half of an object file are the windows of 5x5. On avx512 an install has no room for them: avx2 takes them.
constexpr DepthwiseWindowKernels kWindowsOf3 = {
    {{3, 1, 2, 4, windowBand<3, 1, 2, 4>}, {3, 2, 2, 4, windowBand<3, 2, 2, 4>}, {3, 2, 2, 2, windowBand<3, 2, 2, 2>}},
    Vec::width};
constexpr DepthwiseWindowKernels kWindows = {{{3, 1, 2, 4, windowBand<3, 1, 2, 4>},
                                              {3, 2, 2, 4, windowBand<3, 2, 2, 4>},
                                              {3, 2, 2, 2, windowBand<3, 2, 2, 2>},
                                              {5, 1, 1, 7, windowBand<5, 1, 1, 7>},
                                              {5, 2, 1, 7, windowBand<5, 2, 1, 7>}},
                                             Vec::width};

}  // namespace
}  // namespace striate
