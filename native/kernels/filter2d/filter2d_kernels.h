// The kernels of filter2d.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/filter2d/filter2d.h"
#include "simd/lanes.h"
#include "simd/unroll.h"

namespace striate {
namespace {

void widen(const uint8_t* x, int64_t n, float* y) {
  forLanes(n, [&](int64_t i, auto lanes) STRIATE_BODY { lanes.store(y + i, lanes.loadU8(x + i)); });
}

// kVectors vectors of one or two rows of y, from element i on.
template <int kVectors, bool kTwo, class Lanes, class T>
STRIATE_INLINE void filterBlock(const FilterWeights& weights, const float* const* x, int64_t i, Lanes lanes,
                                float offset, T* y0, T* y1) {
  Vec first[kVectors], second[kVectors];
  repeat<kVectors>(STRIATE_LAMBDA(int v) { first[v] = second[v] = Vec::broadcast(offset); });
  int64_t w = 0;
  for (int64_t r = 0; r < weights.runCount; ++r) {
    const int64_t end = weights.runs[r].end;
    const FilterRows rows = weights.runs[r].rows;
    if (kTwo && rows == FilterRows::both) {
      for (; w < end; ++w) {
        const Vec a = Vec::broadcastLoad(weights.weights + 2 * w), b = Vec::broadcastLoad(weights.weights + 2 * w + 1);
        const float* from = x[w] + i;
        repeat<kVectors>(STRIATE_LAMBDA(int v) {
          const Vec value = lanes.load(from + v * Vec::width);
          first[v] = fma(value, a, first[v]);
          second[v] = fma(value, b, second[v]);
        });
      }
    } else if (kTwo && rows == FilterRows::second) {
      for (; w < end; ++w) {
        const Vec b = Vec::broadcastLoad(weights.weights + 2 * w + 1);
        const float* from = x[w] + i;
        repeat<kVectors>(STRIATE_LAMBDA(int v) { second[v] = fma(lanes.load(from + v * Vec::width), b, second[v]); });
      }
    } else {
      for (; w < end; ++w) {
        const Vec a = Vec::broadcastLoad(weights.weights + 2 * w);
        const float* from = x[w] + i;
        repeat<kVectors>(STRIATE_LAMBDA(int v) { first[v] = fma(lanes.load(from + v * Vec::width), a, first[v]); });
      }
    }
  }
  repeat<kVectors>(STRIATE_LAMBDA(int v) {
    lanes.store(y0 + i + v * Vec::width, first[v]);
    if constexpr (kTwo) lanes.store(y1 + i + v * Vec::width, second[v]);
  });
}

template <bool kTwo, class T>
STRIATE_INLINE void filterRows(const FilterWeights& weights, const float* const* x, int64_t n, float offset, T* y0,
                               T* y1) {
  constexpr int kVectors = kTwo ? 6 : 12;
  int64_t i = 0;
  for (; i + kVectors * Vec::width <= n; i += kVectors * Vec::width) {
    filterBlock<kVectors, kTwo>(weights, x, i, AllLanes{}, offset, y0, y1);
  }
  for (; i + Vec::width <= n; i += Vec::width) filterBlock<1, kTwo>(weights, x, i, AllLanes{}, offset, y0, y1);
  if (i < n) filterBlock<1, kTwo>(weights, x, i, SomeLanes{static_cast<int>(n - i)}, offset, y0, y1);
}

void filter(const FilterWeights& weights, const float* const* x, int64_t n, float offset, float* y0, float* y1) {
  if (y1 != nullptr) {
    filterRows<true>(weights, x, n, offset, y0, y1);
  } else {
    filterRows<false>(weights, x, n, offset, y0, y1);
  }
}

void filterToBytes(const FilterWeights& weights, const float* const* x, int64_t n, float offset, uint8_t* y0,
                   uint8_t* y1) {
  if (y1 != nullptr) {
    filterRows<true>(weights, x, n, offset, y0, y1);
  } else {
    filterRows<false>(weights, x, n, offset, y0, y1);
  }
}

// kCount neighbouring weights share the loads of dy.
template <int kCount>
STRIATE_INLINE void productsOf(const float* x, const float* dy, int64_t n, int64_t step, double* sums) {
  Vec total[kCount];
  repeat<kCount>(STRIATE_LAMBDA(int b) { total[b] = Vec::zero(); });
  forLanes(n, [&](int64_t i, auto lanes) STRIATE_BODY {
    const Vec gradient = lanes.load(dy + i);
    repeat<kCount>(STRIATE_LAMBDA(int b) { total[b] = fma(lanes.load(x + i + b * step), gradient, total[b]); });
  });
  repeat<kCount>(STRIATE_LAMBDA(int b) { sums[b] += static_cast<double>(reduceAdd(total[b])); });
}

void products(const float* x, const float* dy, int64_t n, int64_t count, int64_t step, double* sums) {
  int64_t b = 0;
  for (; b + 4 <= count; b += 4) productsOf<4>(x + b * step, dy, n, step, sums + b);
  for (; b < count; ++b) productsOf<1>(x + b * step, dy, n, step, sums + b);
}

}  // namespace
}  // namespace striate
