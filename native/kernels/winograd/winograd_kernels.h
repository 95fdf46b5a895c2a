// The kernels of winograd.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/winograd/transforms.h"
#include "kernels/winograd/winograd.h"
#include "simd/epilogue.h"
#include "simd/lanes.h"
#include "simd/panel.h"

namespace striate {
namespace {

// Pixels to points, by a map of kIn to kSpan values. Most tiles of a large image are whole; for the others each of the
// loads is a branch that goes the same way for all channels of the tile.
template <int kIn, int kSpan, class Map>
STRIATE_INLINE void gather(const WinogradGather& t, const Map& map) {
  if (t.top == 0 && t.left == 0 && t.bottom == kIn && t.right == kIn) {
    forLanes(t.channels, [&](int64_t c, auto lanes) STRIATE_BODY {
      float* to = t.points + c;
      mapBothWays<kIn, kSpan>(
          map, STRIATE_LAMBDA(int i, int j) { return lanes.load(t.pixels + i * t.rowStride + j * t.pixelStride + c); },
          STRIATE_LAMBDA(int i, int j, Vec value) { value.store(to + (i * kSpan + j) * t.pointStride); });
    });
    return;
  }
  forLanes(t.channels, [&](int64_t c, auto lanes) STRIATE_BODY {
    float* to = t.points + c;
    mapBothWays<kIn, kSpan>(
        map,
        STRIATE_LAMBDA(int i, int j) {
          const bool exists = i >= t.top && i < t.bottom && j >= t.left && j < t.right;
          return exists ? lanes.load(t.pixels + i * t.rowStride + j * t.pixelStride + c) : Vec::zero();
        },
        STRIATE_LAMBDA(int i, int j, Vec value) { value.store(to + (i * kSpan + j) * t.pointStride); });
  });
}

template <int kEdge>
void inputTransform(const WinogradGather& t) {
  using M = Member<kEdge>;
  gather<M::kSpan, M::kSpan>(
      t, STRIATE_LAMBDA(const auto& d, auto& v) { M::input(d, v); });
}

void outputAdjoint(const WinogradGather& t) {
  using M = Member<4>;
  gather<M::kEdge, M::kSpan>(
      t, STRIATE_LAMBDA(const auto& y, auto& m) { M::outputAdjoint(y, m); });
}

// Sigmoid and tanh would be expanded e * e times over in the transform: they pass over the tile afterwards.
__attribute__((noinline)) void activateTile(const WinogradScatter& t) {
  const Vec slope = Vec::broadcast(t.slope);
  for (int i = 0; i < t.rows; ++i) {
    for (int j = 0; j < t.columns; ++j) {
      float* y = t.pixels + i * t.rowStride + j * t.pixelStride;
      forLanes(t.channels, [&](int64_t c, auto lanes)
                               STRIATE_BODY { lanes.store(y + c, activateV(lanes.load(y + c), t.activation, slope)); });
    }
  }
}

template <int kEdge, bool kWhole, class Act>
STRIATE_INLINE void scatter(const WinogradScatter& t, const Act& act) {
  using M = Member<kEdge>;
  forLanes(t.channels, [&](int64_t c, auto lanes) STRIATE_BODY {
    const float* from = t.points + c;
    const Vec bias = t.bias == nullptr ? Vec::zero() : lanes.load(t.bias + c);
    Vec half[kEdge][M::kSpan];
    repeat<M::kSpan>(STRIATE_LAMBDA(int j) {
      Vec m[M::kSpan], y[kEdge];
      repeat<M::kSpan>(STRIATE_LAMBDA(int i) { m[i] = Vec::load(from + (i * M::kSpan + j) * t.pointStride); });
      M::output(m, y);
      repeat<kEdge>(STRIATE_LAMBDA(int i) { half[i][j] = y[i]; });
    });
    repeat<kEdge>(STRIATE_LAMBDA(int i) {
      if (!kWhole && i >= t.rows) return;
      Vec y[kEdge];
      M::output(half[i], y);
      float* to = t.pixels + i * t.rowStride + c;
      const float* residual = t.residual == nullptr ? nullptr : t.residual + i * t.residualRow + c;
      repeat<kEdge>(STRIATE_LAMBDA(int j) {
        if (!kWhole && j >= t.columns) return;
        Vec value = add(y[j], bias);
        if (residual != nullptr) value = add(value, lanes.load(residual + j * t.residualPixel));
        lanes.store(to + j * t.pixelStride, act(value));
      });
    });
  });
}

template <int kEdge>
void outputTransform(const WinogradScatter& t) {
  const auto both = [&](const auto& act) STRIATE_BODY {
    if (t.rows == kEdge && t.columns == kEdge) {
      scatter<kEdge, true>(t, act);
    } else {
      scatter<kEdge, false>(t, act);
    }
  };
  const Vec slope = Vec::broadcast(t.slope);
  if (t.activation == kActivationRelu) {
    both(STRIATE_LAMBDA(Vec x) { return reluV(x); });
  } else if (t.activation == kActivationLeakyRelu) {
    both(STRIATE_LAMBDA(Vec x) { return leakyReluV(x, slope); });
  } else {
    both(STRIATE_LAMBDA(Vec x) { return x; });
    if (t.activation != kActivationNone) activateTile(t);
  }
}

template <int kRows, int kVecs>
__attribute__((noinline)) void productRows(const WinogradProduct& t, int64_t row, const float* next, int64_t step) {
  constexpr int kInPanel = kPanelVecs<kVecs>, kWidth = kInPanel * Vec::width;
  const float* v[kRows];
  repeat<kRows>(STRIATE_LAMBDA(int i) { v[i] = t.v + (row + i) * t.vStride; });
  float* m = t.m + row * t.mStride;
  Vec sum[kRows][kVecs];
  repeat<kRows>(STRIATE_LAMBDA(int i) {
    repeat<kVecs>(
        STRIATE_LAMBDA(int n) { sum[i][n] = t.add ? Vec::load(m + i * t.mStride + n * Vec::width) : Vec::zero(); });
  });
  const float* u = t.u;
  const int64_t depth = t.depth;
#pragma GCC unroll 4
  for (int64_t k = 0; k < depth; ++k, u += kWidth, next += step) {
    repeat<kVecs / kInPanel>(STRIATE_LAMBDA(int panel) { __builtin_prefetch(next + panel * t.panelStride, 0, 2); });
    Vec b[kVecs];
    repeat<kVecs>(
        STRIATE_LAMBDA(int n) { b[n] = Vec::load(u + n / kInPanel * t.panelStride + n % kInPanel * Vec::width); });
    repeat<kRows>(STRIATE_LAMBDA(int i) {
      const Vec a = Vec::broadcastLoad(v[i] + k);
      repeat<kVecs>(STRIATE_LAMBDA(int n) { sum[i][n] = fma(a, b[n], sum[i][n]); });
    });
  }
  repeat<kRows>(STRIATE_LAMBDA(int i) {
    repeat<kVecs>(STRIATE_LAMBDA(int n) { sum[i][n].store(m + i * t.mStride + n * Vec::width); });
  });
}

// Calls tile(row, Index<count>) for even shares of at most kMost rows: 49 rows make 9 tiles of 5 and 6, not 8 and 1.
template <int kMost, class Tile>
STRIATE_INLINE void forEvenTiles(int64_t rows, const Tile& tile) {
  const int64_t tiles = (rows + kMost - 1) / kMost;
  const int64_t share = rows / tiles, extra = rows % tiles;
  int64_t row = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t count = share + (i < extra ? 1 : 0);
    repeatConstant<kMost>(STRIATE_LAMBDA(auto less) {
      if (count == less + 1) tile(row, Index<less + 1>());
    });
    row += count;
  }
}

template <int kMost, int kVecs>
void product(const WinogradProduct& t) {
  // The next panel comes in from L3 or memory while this one is multiplied: each tile of rows asks for its share.
  const int64_t step = kPanelVecs<kVecs> * Vec::width / ((t.rows + kMost - 1) / kMost);
  const float* next = t.next;
  forEvenTiles<kMost>(
      t.rows, STRIATE_LAMBDA(int64_t row, auto count) {
        productRows<count.value, kVecs>(t, row, next, step);
        next += step * t.depth;
      });
}

template <int kRows, int kVecs>
__attribute__((noinline)) void outerRows(const WinogradOuter& t, int64_t row) {
  Vec sum[kRows][kVecs];
  float* m = t.m + row * t.mStride;
  repeat<kRows>(STRIATE_LAMBDA(int i) {
    repeat<kVecs>(
        STRIATE_LAMBDA(int n) { sum[i][n] = t.add ? Vec::load(m + i * t.mStride + n * Vec::width) : Vec::zero(); });
  });
  const float* x = t.x + row;
  const float* dy = t.dy;
#pragma GCC unroll 4
  for (int64_t k = 0; k < t.depth; ++k, x += t.xStride, dy += t.dyStride) {
    Vec b[kVecs];
    repeat<kVecs>(STRIATE_LAMBDA(int n) { b[n] = Vec::load(dy + n * Vec::width); });
    repeat<kRows>(STRIATE_LAMBDA(int i) {
      const Vec a = Vec::broadcastLoad(x + i);
      repeat<kVecs>(STRIATE_LAMBDA(int n) { sum[i][n] = fma(a, b[n], sum[i][n]); });
    });
  }
  repeat<kRows>(STRIATE_LAMBDA(int i) {
    repeat<kVecs>(STRIATE_LAMBDA(int n) { sum[i][n].store(m + i * t.mStride + n * Vec::width); });
  });
}

template <int kMost, int kVecs>
void outer(const WinogradOuter& t) {
  forEvenTiles<kMost>(
      t.rows, STRIATE_LAMBDA(int64_t row, auto count) { outerRows<count.value, kVecs>(t, row); });
}

// One vector of columns of one channel: 9 taps into all points.
template <int kEdge>
STRIATE_INLINE void transformFilter(const Vec (&g)[9], float* to, int64_t pointStride) {
  using M = Member<kEdge>;
  mapBothWays<3, M::kSpan>(
      STRIATE_LAMBDA(const auto& in, auto& out) { M::filter(in, out); },
      STRIATE_LAMBDA(int i, int j) { return g[i * 3 + j]; },
      STRIATE_LAMBDA(int i, int j, Vec value) { value.store(to + (i * M::kSpan + j) * pointStride); });
}

template <int kEdge>
void filterTransform(const WinogradFilter& t) {
  for (int n = 0; n < t.width; n += Vec::width) {
    const int left = t.columns - n;
    const int lanes = left < 0 ? 0 : left < Vec::width ? left : Vec::width;
    const float* from = t.filter + n * t.columnStride;
    float* to = t.panel + n;
    if (t.columnStride == 1) {
      const Vec scale = t.columnScale == nullptr ? Vec::broadcast(1) : Vec::loadPartial(t.columnScale + n, lanes);
      for (int64_t k = 0; k < t.depth; ++k) {
        const Vec both = t.depthScale == nullptr ? scale : mul(scale, Vec::broadcastLoad(t.depthScale + k));
        Vec g[9];
        repeat<9>(STRIATE_LAMBDA(int tap) {
          const float* at = from + (t.rotated ? 8 - tap : tap) * t.tapStride + k * t.depthStride;
          g[tap] = mul(both, lanes == Vec::width ? Vec::load(at) : Vec::loadPartial(at, lanes));
        });
        transformFilter<kEdge>(g, to + k * t.width, t.pointStride);
      }
      continue;
    }
    // Squares of lanes x lanes, turned: row by row in memory are channels, wanted are columns.
    const Vec scale = t.columnScale == nullptr ? Vec::broadcast(1) : Vec::loadPartial(t.columnScale + n, lanes);
    for (int64_t k = 0; k < t.depth; k += Vec::width) {
      const int deep = t.depth - k < Vec::width ? static_cast<int>(t.depth - k) : Vec::width;
      Vec squares[9][Vec::width];
      for (int tap = 0; tap < 9; ++tap) {
        const float* at = from + (t.rotated ? 8 - tap : tap) * t.tapStride + k;
        for (int i = 0; i < Vec::width; ++i) {
          squares[tap][i] = i < lanes ? Vec::loadPartial(at + i * t.columnStride, deep) : Vec::zero();
        }
        transpose(squares[tap]);
      }
      for (int i = 0; i < deep; ++i) {
        const Vec both = t.depthScale == nullptr ? scale : mul(scale, Vec::broadcastLoad(t.depthScale + k + i));
        Vec g[9];
        repeat<9>(STRIATE_LAMBDA(int tap) { g[tap] = mul(both, squares[tap][i]); });
        transformFilter<kEdge>(g, to + (k + i) * t.width, t.pointStride);
      }
    }
  }
}

void filterAdjoint(const WinogradFilterGradient& t) {
  using M = Member<4>;
  forLanes(t.channels, [&](int64_t c, auto lanes) STRIATE_BODY {
    mapBothWays<M::kSpan, 3>(
        STRIATE_LAMBDA(const auto& in, auto& out) { M::filterAdjoint(in, out); },
        STRIATE_LAMBDA(int i, int j) {
          const float* from = t.points + (i * M::kSpan + j) * t.pointStride + c;
          Vec sum = Vec::load(from);
          for (int64_t part = 1; part < t.parts; ++part) sum = add(sum, Vec::load(from + part * t.partStride));
          return sum;
        },
        STRIATE_LAMBDA(int i, int j, Vec value) { lanes.store(t.dfilter + (i * 3 + j) * t.tapStride + c, value); });
  });
}

template <int kEdge>
constexpr WinogradMember winogradMember() {
  return {inputTransform<kEdge>, outputTransform<kEdge>, filterTransform<kEdge>};
}

// kWide and kNarrow: rows of the tiles of two vectors and of one.
template <int kWide, int kNarrow, int kNarrowOuter>
constexpr WinogradKernels winogradKernels(WinogradProductFn pair = nullptr) {
  return {Vec::width,          kWide, winogradMember<2>(), winogradMember<4>(), product<kWide, 2>,
          product<kNarrow, 1>, pair,  outputAdjoint,       outer<kWide, 2>,     outer<kNarrowOuter, 1>,
          filterAdjoint};
}

}  // namespace
}  // namespace striate
