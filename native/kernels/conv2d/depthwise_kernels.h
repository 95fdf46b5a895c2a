// The tiles of depthwiseTile.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/conv2d/depthwiseTile.h"
#include "simd/epilogue.h"
#include "simd/unroll.h"

namespace striate {
namespace {

template <bool kPartial>
STRIATE_INLINE Vec loadLanes(const float* p, int n) {
  return kPartial ? Vec::loadPartial(p, n) : Vec::load(p);
}
template <bool kPartial>
STRIATE_INLINE void storeLanes(Vec v, float* p, int n) {
  if (kPartial) {
    v.storePartial(p, n);
  } else {
    v.store(p);
  }
}

__attribute__((noinline)) void finishRow(float* y, const float* bias, const float* residual, int64_t n, int activation,
                                         float slope) {
  const Vec slopes = Vec::broadcast(slope);
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int left = n - i < Vec::width ? static_cast<int>(n - i) : Vec::width;
    Vec v = Vec::loadPartial(y + i, left);
    if (bias != nullptr) v = add(v, Vec::loadPartial(bias + i, left));
    if (residual != nullptr) v = add(v, Vec::loadPartial(residual + i, left));
    activateV(v, activation, slopes).storePartial(y + i, left);
  }
}

// kVecs vectors of channels from c0 on; with kPartial one vector of n lanes.
template <int kRows, int kVecs, bool kPartial>
STRIATE_INLINE void depthwiseBlock(const DepthwiseTile& t, int64_t c0, int n) {
  Vec acc[kRows][kVecs];
  repeat<kVecs>(STRIATE_LAMBDA(int v) {
    const Vec start = t.bias == nullptr ? Vec::zero() : loadLanes<kPartial>(t.bias + c0 + v * Vec::width, n);
    repeat<kRows>(STRIATE_LAMBDA(int m) { acc[m][v] = start; });
  });
  const float* w = t.w + c0;
  const float* const* rows = t.rows;
  const int64_t offset = t.offset + c0;
  for (int64_t tap = t.taps; tap > 0; --tap, w += t.wStride, rows += t.rowStride) {
    Vec wv[kVecs];
    repeat<kVecs>(STRIATE_LAMBDA(int v) { wv[v] = loadLanes<kPartial>(w + v * Vec::width, n); });
    repeat<kRows>(STRIATE_LAMBDA(int m) {
      const float* x = rows[m] + offset;
      repeat<kVecs>(
          STRIATE_LAMBDA(int v) { acc[m][v] = fma(loadLanes<kPartial>(x + v * Vec::width, n), wv[v], acc[m][v]); });
    });
  }
  if (t.residual != nullptr) {
    repeat<kRows>(STRIATE_LAMBDA(int m) {
      repeat<kVecs>(STRIATE_LAMBDA(int v) {
        acc[m][v] = add(acc[m][v], loadLanes<kPartial>(t.residual[m] + c0 + v * Vec::width, n));
      });
    });
  }
  if (t.activation == kActivationRelu) {
    repeat<kRows>(STRIATE_LAMBDA(int m) { repeat<kVecs>(STRIATE_LAMBDA(int v) { acc[m][v] = reluV(acc[m][v]); }); });
  } else if (t.activation == kActivationLeakyRelu) {
    const Vec slope = Vec::broadcast(t.slope);
    repeat<kRows>(
        STRIATE_LAMBDA(int m) { repeat<kVecs>(STRIATE_LAMBDA(int v) { acc[m][v] = leakyReluV(acc[m][v], slope); }); });
  } else if (t.activation == kActivationRelu6) {
    repeat<kRows>(STRIATE_LAMBDA(int m) { repeat<kVecs>(STRIATE_LAMBDA(int v) { acc[m][v] = relu6V(acc[m][v]); }); });
  }
  repeat<kRows>(STRIATE_LAMBDA(int m) {
    repeat<kVecs>(STRIATE_LAMBDA(int v) { storeLanes<kPartial>(acc[m][v], t.c[m] + c0 + v * Vec::width, n); });
  });
}

template <int kRows>
void depthwiseTile(const DepthwiseTile& t) {
  int64_t c = 0;
  for (; c + 2 * Vec::width <= t.channels; c += 2 * Vec::width) depthwiseBlock<kRows, 2, false>(t, c, 0);
  if (c + Vec::width <= t.channels) {
    depthwiseBlock<kRows, 1, false>(t, c, 0);
    c += Vec::width;
  }
  if (c < t.channels) depthwiseBlock<kRows, 1, true>(t, c, static_cast<int>(t.channels - c));
  if (!activatesInRegisters(t.activation)) {
    for (int m = 0; m < kRows; ++m) finishRow(t.c[m], nullptr, nullptr, t.channels, t.activation, t.slope);
  }
}

template <int kTaps, int kVecs, bool kPartial>
STRIATE_INLINE void depthwiseFilterBlock(const DepthwiseFilterTile& t, int64_t c0, int n) {
  Vec acc[kTaps][kVecs];
  repeat<kTaps>(STRIATE_LAMBDA(int m) { repeat<kVecs>(STRIATE_LAMBDA(int v) { acc[m][v] = Vec::zero(); }); });
  const float* dy = t.dy + c0;
  for (int64_t p = 0; p < t.pixels; ++p, dy += t.dyPixel) {
    Vec d[kVecs];
    repeat<kVecs>(STRIATE_LAMBDA(int v) { d[v] = loadLanes<kPartial>(dy + v * Vec::width, n); });
    repeat<kTaps>(STRIATE_LAMBDA(int m) {
      const float* x = t.rows[m * t.rowStride + p] + c0;
      repeat<kVecs>(
          STRIATE_LAMBDA(int v) { acc[m][v] = fma(loadLanes<kPartial>(x + v * Vec::width, n), d[v], acc[m][v]); });
    });
  }
  repeat<kTaps>(STRIATE_LAMBDA(int m) {
    repeat<kVecs>(STRIATE_LAMBDA(int v) {
      float* c = t.c + m * t.cStride + c0 + v * Vec::width;
      const Vec sum = t.add ? add(acc[m][v], loadLanes<kPartial>(c, n)) : acc[m][v];
      storeLanes<kPartial>(sum, c, n);
    });
  });
}

template <int kTaps>
void depthwiseFilterTile(const DepthwiseFilterTile& t) {
  int64_t c = 0;
  for (; c + 2 * Vec::width <= t.channels; c += 2 * Vec::width) depthwiseFilterBlock<kTaps, 2, false>(t, c, 0);
  if (c + Vec::width <= t.channels) {
    depthwiseFilterBlock<kTaps, 1, false>(t, c, 0);
    c += Vec::width;
  }
  if (c < t.channels) depthwiseFilterBlock<kTaps, 1, true>(t, c, static_cast<int>(t.channels - c));
}

}  // namespace
}  // namespace striate
