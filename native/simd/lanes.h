// Loops over contiguous elements whose tail is masked: the body is written once and compiled for whole vectors and for
// the partial one, so a tail cannot round differently. (Include one vec_<isa>.h first.)
//
//   forLanes(n, [&](int64_t i, auto lanes) STRIATE_BODY { lanes.store(y + i, add(lanes.load(a + i), lanes.load(b +
//   i))); });
#pragma once
#include "simd/vec.h"

// On a lambda that must vanish into its loop.
#define STRIATE_BODY __attribute__((always_inline))

namespace striate {
namespace {

alignas(64) constexpr float kOnes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

struct AllLanes {
  STRIATE_INLINE Vec load(const float* p) const { return Vec::load(p); }
  STRIATE_INLINE Vec loadOr(const float* p, float) const { return Vec::load(p); }
  STRIATE_INLINE Vec loadU8(const uint8_t* p) const { return Vec::loadU8(p); }
  STRIATE_INLINE void store(float* p, Vec v) const { v.store(p); }
  STRIATE_INLINE void store(uint8_t* p, Vec v) const { v.storeU8(p); }
};

// The first n lanes, 0 < n < width.
struct SomeLanes {
  int n;
  STRIATE_INLINE Vec load(const float* p) const { return Vec::loadPartial(p, n); }
  // Dead lanes hold `rest`, the neutral element of what follows.
  STRIATE_INLINE Vec loadOr(const float* p, float rest) const {
    return select(greater(Vec::loadPartial(kOnes, n), Vec::zero()), Vec::loadPartial(p, n), Vec::broadcast(rest));
  }
  STRIATE_INLINE Vec loadU8(const uint8_t* p) const { return Vec::loadU8Partial(p, n); }
  STRIATE_INLINE void store(float* p, Vec v) const { v.storePartial(p, n); }
  STRIATE_INLINE void store(uint8_t* p, Vec v) const { v.storeU8Partial(p, n); }
};

// body(first element, lanes) over n contiguous elements.
template <class Body>
STRIATE_INLINE void forLanes(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + Vec::width <= n; i += Vec::width) body(i, AllLanes{});
  if (i < n) body(i, SomeLanes{static_cast<int>(n - i)});
}

// body(pixel, first channel, lanes) over pixels of contiguous channels.
template <class Body>
STRIATE_INLINE void forPixels(int64_t pixels, int64_t channels, const Body& body) {
  for (int64_t p = 0; p < pixels; ++p) {
    forLanes(channels, [&](int64_t c, auto lanes) STRIATE_BODY { body(p, c, lanes); });
  }
}

}  // namespace
}  // namespace striate
