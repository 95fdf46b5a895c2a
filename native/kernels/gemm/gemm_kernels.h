// The register tiles of gemm.h over the Vec of the vec_<isa>.h included before.
//
// Measured on Zen 4 (avx2, FMA peak 118 GFLOP/s), one thread, in cycles a 6 x 16 tile beyond those of its products,
// panel and rows in L1: 40 with a call for each tile, 31 where one call does a stack of them, 23 where it does not ask
// for the lines it will write either. (That asking pays only for results that come from memory: 224 x 224 x 128 4 %,
// but 5 % less for results in L3.) With 16 terms that makes 91 GFLOP/s of 84, with 32 100 of 96, with 256 112 as
// before. Pointers that walk from tile to tile are one index, not several: compilers keep pairs of pointers in vector
// registers, where the next tile's addresses queue behind this one's products (17 cycles). What remains is set-up and
// the activation.
#pragma once
#include "kernels/gemm/gemm.h"
#include "simd/epilogue.h"
#include "simd/panel.h"
#include "simd/unroll.h"

namespace striate {
namespace {

// What does not fit the fast path (a partial panel, sigmoid, tanh): the tile comes through memory, on the stack.
__attribute__((noinline)) void finishTile(const IndirectTile& t, int64_t row, const float* tile, int rows, int width) {
  const Vec slope = Vec::broadcast(t.slope);
  for (int m = 0; m < rows; ++m) {
    for (int n = 0; n < t.columns; n += Vec::width) {
      const int left = t.columns - n < Vec::width ? t.columns - n : Vec::width;
      Vec v = Vec::load(tile + m * width + n);
      if (t.residual != nullptr) v = add(v, Vec::loadPartial(t.residual[row + m] + t.column + n, left));
      v = activateV(v, t.activation, slope);
      v.storePartial(t.c[row + m] + t.column + n, left);
    }
  }
}

__attribute__((noinline)) void finishPixelTile(const PixelTile& t, const float* tile, int rows, int width) {
  for (int m = 0; m < rows; ++m) {
    for (int n = 0; n < t.columns; n += Vec::width) {
      const int left = t.columns - n < Vec::width ? t.columns - n : Vec::width;
      float* c = t.c + m * t.cStride + n;
      Vec v = Vec::load(tile + m * width + n);
      if (t.add) v = add(v, Vec::loadPartial(c, left));
      v.storePartial(c, left);
    }
  }
}

constexpr int64_t kFetchTerms = 16;  // see Ahead
constexpr int kLineFloats = 16;

template <int kFloats>
STRIATE_INLINE void prefetchLines(float* p) {
  repeat<(kFloats + kLineFloats - 1) / kLineFloats>(
      STRIATE_LAMBDA(int line) { prefetchToWrite(p + line * kLineFloats); });
}

// What a tile will read and write at its end. Not inlined: in tiles of all sizes that was 12 KB.
__attribute__((noinline)) void fetchTarget(const IndirectTile& t, int64_t row, int rows, int width) {
  for (int64_t m = row; m < row + rows; ++m) {
    for (int n = 0; n < width; n += kLineFloats) prefetchToWrite(t.c[m] + t.column + n);
  }
  if (t.residual == nullptr) return;
  for (int64_t m = row; m < row + rows; ++m) {
    for (int n = 0; n < width; n += kLineFloats) prefetch(t.residual[m] + t.column + n);
  }
}

template <int kRows, int kVecs>
struct Accumulators {
  static constexpr int kWidth = kVecs * Vec::width;
  static constexpr int kPanelWidth = kPanelVecs<kVecs> * Vec::width;
  Vec at[kRows][kVecs];

  template <class F>
  STRIATE_INLINE void each(const F& f) {
    repeat<kRows>(STRIATE_LAMBDA(int m) { repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v] = f(m, v, at[m][v]); }); });
  }
  // at[m][v] += a[m] * b[v], where loadA(m) broadcasts. Columns from the third vector on are those of a second panel,
  // `panelStride` floats behind the first.
  template <class F>
  STRIATE_INLINE void multiplyAdd(const F& loadA, const float* b, int64_t panelStride = 0) {
    Vec bv[kVecs];
    repeat<kVecs>(STRIATE_LAMBDA(int v) {
      bv[v] = Vec::load(b + v / kPanelVecs<kVecs> * panelStride + v % kPanelVecs<kVecs> * Vec::width);
    });
    repeat<kRows>(STRIATE_LAMBDA(int m) {
      const Vec av = loadA(m);
      repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v] = fma(av, bv[v], at[m][v]); });
    });
  }
};

STRIATE_INLINE int lanesLeft(int columns, int v) {
  const int left = columns - v * Vec::width;
  return left < 0 ? 0 : left < Vec::width ? left : Vec::width;
}

template <int kRows, int kVecs, bool kFetches>
STRIATE_INLINE void sumTile(const IndirectTile& t, int64_t row) {
  using Acc = Accumulators<kRows, kVecs>;
  constexpr int kWidth = Acc::kWidth, kPanelWidth = Acc::kPanelWidth;
  Acc acc;
  const bool full = kVecs > 2 || t.columns == kWidth;
  if (t.bias == nullptr) {
    acc.each(STRIATE_LAMBDA(int, int, Vec) { return Vec::zero(); });
  } else {
    Vec bias[kVecs];
    repeat<kVecs>(STRIATE_LAMBDA(int v) {
      const float* source = t.bias + t.column + v * Vec::width;
      bias[v] = full ? Vec::load(source) : Vec::loadPartial(source, lanesLeft(t.columns, v));
    });
    acc.each(STRIATE_LAMBDA(int, int v, Vec) { return bias[v]; });
  }

  if (t.fetchesTarget) fetchTarget(t, row, kRows, kWidth);

  const float* b = t.b;
  const float* const* rows = t.rows + row;
  const int64_t channels = t.channels;
  const float* next[2] = {};
  if constexpr (kFetches) {
    for (int i = 0; i < 2; ++i) next[i] = t.ahead[i].at + row / kRows * t.ahead[i].tileStep;
  }
  constexpr int kTermsAtOnce = kRows * kVecs > 16 ? 4 : kFetchTerms;  // large tiles take the compiler long, not the CPU
  for (int64_t tap = t.taps; tap > 0; --tap, rows += t.rowStride) {
    const float* a[kRows];
    repeat<kRows>(STRIATE_LAMBDA(int m) { a[m] = rows[m] + t.offset; });
    int64_t left = channels;
    if constexpr (kFetches) {
      for (; left >= kFetchTerms; left -= kFetchTerms, b += kFetchTerms * kPanelWidth) {
        for (int i = 0; i < 2; ++i) {
          for (int64_t line = t.ahead[i].lines; line > 0; --line, next[i] += t.ahead[i].step) prefetch(next[i]);
        }
        for (int64_t k = 0; k < kFetchTerms; k += kTermsAtOnce) {
#pragma GCC unroll 16
          for (int u = 0; u < kTermsAtOnce; ++u) {
            acc.multiplyAdd(
                STRIATE_LAMBDA(int m) { return Vec::broadcastLoad(a[m] + k + u); }, b + (k + u) * kPanelWidth,
                t.panelStride);
          }
        }
        repeat<kRows>(STRIATE_LAMBDA(int m) { a[m] += kFetchTerms; });
      }
    }
#pragma GCC unroll 4
    for (int64_t k = 0; k < left; ++k, b += kPanelWidth) {
      acc.multiplyAdd(
          STRIATE_LAMBDA(int m) { return Vec::broadcastLoad(a[m] + k); }, b, t.panelStride);
    }
  }

  const bool overwriting = t.contiguous && t.residual == nullptr;
  if ((!full && !overwriting) || !activatesInRegisters(t.activation)) {
    float tile[kRows * kWidth];
    acc.each(STRIATE_LAMBDA(int m, int v, Vec x) {
      x.store(tile + m * kWidth + v * Vec::width);
      return x;
    });
    finishTile(t, row, tile, kRows, kWidth);
    return;
  }
  if (t.residual != nullptr) {  // full here
    acc.each(STRIATE_LAMBDA(int m, int v, Vec x) {
      return add(x, Vec::load(t.residual[row + m] + t.column + v * Vec::width));
    });
  }
  if (t.activation == kActivationRelu) {
    acc.each(STRIATE_LAMBDA(int, int, Vec x) { return reluV(x); });
  } else if (t.activation == kActivationLeakyRelu) {
    const Vec slope = Vec::broadcast(t.slope);
    acc.each(STRIATE_LAMBDA(int, int, Vec x) { return leakyReluV(x, slope); });
  } else if (t.activation == kActivationRelu6) {
    acc.each(STRIATE_LAMBDA(int, int, Vec x) { return relu6V(x); });
  }
  if (!full) {
    // Whole vectors, from the first row to the last: what a row writes too much, the next rows overwrite. Only the rows
    // whose excess would leave the tile are stored lane by lane.
    repeat<kRows>(STRIATE_LAMBDA(int m) {
      float* c = t.c[row + m] + t.column;
      if ((kRows - m) * t.columns >= kWidth) {
        repeat<kVecs>(STRIATE_LAMBDA(int v) { acc.at[m][v].store(c + v * Vec::width); });
      } else {
        repeat<kVecs>(STRIATE_LAMBDA(int v) {
          const int left = lanesLeft(t.columns, v);
          if (left > 0) acc.at[m][v].storePartial(c + v * Vec::width, left);
        });
      }
    });
    return;
  }
  acc.each(STRIATE_LAMBDA(int m, int v, Vec x) {
    x.store(t.c[row + m] + t.column + v * Vec::width);
    return x;
  });
}

template <int kRows, int kVecs>
void indirectTile(const IndirectTile& t) {
  const int64_t rows = t.tiles * kRows;
  // Lower tiles are alone (IndirectGemm::runPanel), and narrow ones are the last of a row of panels: half of these
  // bodies was 100 KB and a quarter of the compiler's time.
  constexpr bool kMayFetch = kVecs > 2 || (kVecs == 2 && kRows >= (Vec::width == 16 ? 7 : 3));
  if (!kMayFetch || t.ahead[0].lines + t.ahead[1].lines == 0) {
    for (int64_t row = 0; row < rows; row += kRows) sumTile<kRows, kVecs, false>(t, row);
  } else {
    for (int64_t row = 0; row < rows; row += kRows) sumTile<kRows, kVecs, kMayFetch>(t, row);
  }
}

template <int kRows, int kVecs>
void pixelTile(const PixelTile& t) {
  using Acc = Accumulators<kRows, kVecs>;
  constexpr int kWidth = Acc::kWidth;
  Acc acc;
  acc.each(STRIATE_LAMBDA(int, int, Vec) { return Vec::zero(); });
  repeat<kRows>(STRIATE_LAMBDA(int m) { prefetchLines<kWidth>(t.c + m * t.cStride); });
  const float* b = t.b;
  const float* const* rows = t.rows;
  const int64_t offset = t.offset;
#pragma GCC unroll 4
  for (int64_t p = 0; p < t.pixels; ++p, b += kWidth) {
    const float* a = rows[p] + offset;
    acc.multiplyAdd(
        STRIATE_LAMBDA(int m) { return Vec::broadcastLoad(a + m); }, b);
  }
  if (t.columns == kWidth) {
    acc.each(STRIATE_LAMBDA(int m, int v, Vec x) {
      float* c = t.c + m * t.cStride + v * Vec::width;
      if (t.add) x = add(x, Vec::load(c));
      x.store(c);
      return x;
    });
    return;
  }
  float tile[kRows * kWidth];
  acc.each(STRIATE_LAMBDA(int m, int v, Vec x) {
    x.store(tile + m * kWidth + v * Vec::width);
    return x;
  });
  finishPixelTile(t, tile, kRows, kWidth);
}

// Times 1 where there is no scale: packing is bound by memory, and x * 1 is x.
STRIATE_INLINE Vec columnScale(const float* scale, int n, int columns) {
  return scale == nullptr ? Vec::broadcast(1.0f) : Vec::loadPartial(scale + n, lanesLeft(columns, n / Vec::width));
}

// A line of a panel is written at once, so that it need not stay in L1 while the other panels get theirs.
constexpr int kRowsOfLine = Vec::width * 2 < kLineFloats ? kLineFloats / (Vec::width * 2) : 1;

template <int kVecs, bool kScales>
STRIATE_INLINE void packWhole(const float* b, int64_t stride, int64_t depth, int64_t columns, int64_t panelStride,
                              const float* scale, float* packed) {
  constexpr int kWidth = kVecs * Vec::width;
  for (int64_t k = 0; k < depth; k += kRowsOfLine) {
    const int64_t rows = depth - k < kRowsOfLine ? depth - k : kRowsOfLine;
    float* to = packed + k * kWidth;
    for (int64_t n = 0; n < columns; n += kWidth, to += panelStride) {
      for (int64_t row = 0; row < rows; ++row) {
        repeat<kVecs>(STRIATE_LAMBDA(int v) {
          const Vec x = Vec::load(b + (k + row) * stride + n + v * Vec::width);
          (kScales ? mul(x, Vec::load(scale + n + v * Vec::width)) : x).store(to + row * kWidth + v * Vec::width);
        });
      }
    }
  }
}

template <int kVecs>
STRIATE_INLINE void packPanels(const float* b, int64_t stride, int64_t depth, int64_t columns, int64_t panelStride,
                               const float* scale, float* packed) {
  constexpr int kWidth = kVecs * Vec::width;
  const int64_t whole = columns - columns % kWidth;
  if (scale == nullptr) {
    packWhole<kVecs, false>(b, stride, depth, whole, panelStride, nullptr, packed);
  } else {
    packWhole<kVecs, true>(b, stride, depth, whole, panelStride, scale, packed);
  }
  if (whole == columns) return;
  b += whole;
  packed += whole / kWidth * panelStride;
  const int left = static_cast<int>(columns - whole);
  for (int n = 0; n < kWidth; n += Vec::width) {
    const Vec scales = columnScale(scale == nullptr ? nullptr : scale + whole, n, left);
    for (int64_t k = 0; k < depth; ++k) {
      mul(Vec::loadPartial(b + k * stride + n, lanesLeft(left, n / Vec::width)), scales).store(packed + k * kWidth + n);
    }
  }
}

void packRows(const float* b, int64_t stride, int64_t depth, int64_t columns, int width, int64_t panelStride,
              const float* scale, float* packed) {
  if (width == Vec::width) {
    packPanels<1>(b, stride, depth, columns, panelStride, scale, packed);
  } else {
    packPanels<2>(b, stride, depth, columns, panelStride, scale, packed);
  }
}

// Squares of Vec::width columns by as many k.
void packTransposed(const float* b, int64_t stride, int64_t depth, int columns, int width, const float* scale,
                    float* packed) {
  for (int n = 0; n < width; n += Vec::width) {
    const int live = lanesLeft(columns, n / Vec::width);
    const Vec scales = columnScale(scale, n, columns);
    for (int64_t k = 0; k < depth; k += Vec::width) {
      const int count = depth - k < Vec::width ? static_cast<int>(depth - k) : Vec::width;
      Vec rows[Vec::width];
      for (int i = 0; i < Vec::width; ++i) {
        const float* source = b + (n + i) * stride + k;
        rows[i] = i >= live ? Vec::zero() : count == Vec::width ? Vec::load(source) : Vec::loadPartial(source, count);
      }
      transpose(rows);
      for (int i = 0; i < count; ++i) mul(rows[i], scales).store(packed + (k + i) * width + n);
    }
  }
}

void packPlanes(const float* const* rows, int64_t offset, int64_t pixels, int64_t channels, int planeRows,
                int64_t planeStride, float* planes) {
  const int64_t vecs = (planeRows + Vec::width - 1) / Vec::width;
  // Planes whose vectors all lie within the pixel's channels.
  const int64_t reach = channels - vecs * Vec::width;
  const int64_t whole = reach < 0 ? 0 : reach / planeRows + 1;
  for (int64_t p = 0; p < pixels; ++p) {
    const float* from = rows[p] + offset;
    float* to = planes + p * planeRows;
    if (vecs == 1) {
#pragma GCC unroll 4
      for (int64_t q = 0; q < whole; ++q) Vec::load(from + q * planeRows).store(to + q * planeStride);
    } else {
      for (int64_t q = 0; q < whole; ++q) {
        for (int64_t v = 0; v < vecs; ++v)
          Vec::load(from + q * planeRows + v * Vec::width).store(to + q * planeStride + v * Vec::width);
      }
    }
    for (int64_t q = whole; q * planeRows < channels; ++q) {
      for (int64_t m = 0; m < planeRows; m += Vec::width) {
        const int64_t left = channels - q * planeRows - m;
        const int count = left < 0 ? 0 : left < Vec::width ? static_cast<int>(left) : Vec::width;
        Vec::loadPartial(from + q * planeRows + m, count).store(to + q * planeStride + m);
      }
    }
  }
}

}  // namespace
}  // namespace striate
