// Loops over accumulators that must live in registers. Part of what an ISA file may include.
#pragma once
#include <utility>

#include "simd/vec.h"

namespace striate {
namespace {

template <int kValue>
struct Index {
  static constexpr int value = kValue;
  constexpr operator int() const { return kValue; }
};

// f(0) .. f(n-1), inlined at once: only then does gcc see constant subscripts early enough to keep an array of
// accumulators in registers (with a loop and "#pragma GCC unroll" it stays in memory: half the speed). f takes an int:
// with `auto` every index makes a function of its own, and gcc takes twice as long for the same instructions. Under the
// sanitizers it is a loop: unrolled, the tiles take gcc five times as long.
template <class F, int... kIndices>
STRIATE_INLINE void repeatEach(const F& f, std::integer_sequence<int, kIndices...>) {
  (f(kIndices), ...);
}
template <int kEnd, class F>
STRIATE_INLINE void repeat(const F& f) {
#ifdef STRIATE_SANITIZE
  for (int i = 0; i < kEnd; ++i) f(i);
#else
  repeatEach(f, std::make_integer_sequence<int, kEnd>());
#endif
}

// f(Index<0>) .. f(Index<n-1>), where f needs constants.
template <class F, int... kIndices>
STRIATE_INLINE void repeatEachConstant(const F& f, std::integer_sequence<int, kIndices...>) {
  (f(Index<kIndices>()), ...);
}
template <int kEnd, class F>
STRIATE_INLINE void repeatConstant(const F& f) {
  repeatEachConstant(f, std::make_integer_sequence<int, kEnd>());
}

#define STRIATE_LAMBDA(...) [&](__VA_ARGS__) __attribute__((always_inline))

}  // namespace
}  // namespace striate
