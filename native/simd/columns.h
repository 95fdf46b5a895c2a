// Sums over pixels, one per column: the reduction of channelSum, of average pooling and of batch normalisation.
// (Include one vec_<isa>.h first.)
#pragma once
#include "simd/lanes.h"

namespace striate {
namespace {

// Sums live in L1 while pixels stream by in the order of memory: four pixels per visit, so that the load and the store
// of a sum are shared and the prefetcher sees four sequential streams. A block of columns keeps its sums in L1.
constexpr int64_t kColumnBlock = 2048;

// visit(first pixel, column, pixels (a tag), lanes) for every group of four pixels and every single one after them.
struct OnePixel {
  static constexpr int count = 1;
};
struct FourPixels {
  static constexpr int count = 4;
};
template <class Visit>
STRIATE_INLINE void forColumns(int64_t pixels, int64_t columns, const Visit& visit) {
  for (int64_t first = 0; first < columns; first += kColumnBlock) {
    const int64_t n = columns - first < kColumnBlock ? columns - first : kColumnBlock;
    int64_t p = 0;
    for (; p + 4 <= pixels; p += 4) {
      forLanes(n, [&](int64_t c, auto lanes) STRIATE_BODY { visit(p, first + c, FourPixels{}, lanes); });
    }
    for (; p < pixels; ++p) {
      forLanes(n, [&](int64_t c, auto lanes) STRIATE_BODY { visit(p, first + c, OnePixel{}, lanes); });
    }
  }
}

// sums[c] += sum over p < pixels of x[p * stride + c], for c < columns.
STRIATE_INLINE void addColumns(int64_t pixels, int64_t columns, const float* x, int64_t stride, float* sums) {
  forColumns(pixels, columns, [&](int64_t p, int64_t c, auto count, auto lanes) STRIATE_BODY {
    const float* at = x + p * stride + c;
    Vec sum = lanes.load(at);
    if constexpr (count.count == 4) {
      sum = add(add(sum, lanes.load(at + stride)), add(lanes.load(at + 2 * stride), lanes.load(at + 3 * stride)));
    }
    lanes.store(sums + c, add(lanes.load(sums + c), sum));
  });
}

}  // namespace
}  // namespace striate
