// The activations of the schema (activationCodes in lib/graph/opSchema.ts) on one vector, for the epilogues of all
// kernels and for the op itself, so that fused and unfused agree. NaN propagates. (Include one vec_<isa>.h first.)
#pragma once
#include "simd/math.h"

namespace striate {
namespace {

template <int kCode>
struct Activation {
  static constexpr int code = kCode;
};

// 0 none, 1 relu, 2 leakyRelu, 3 sigmoid, 4 tanh, 5 relu6.
template <int kCode>
STRIATE_INLINE Vec activate(Activation<kCode>, Vec x, [[maybe_unused]] Vec slope) {
  if constexpr (kCode == 1) return max(Vec::zero(), x);  // max keeps its second operand where that is NaN
  if constexpr (kCode == 2) return select(less(x, Vec::zero()), mul(x, slope), x);
  if constexpr (kCode == 3) return sigmoidV(x);
  if constexpr (kCode == 4) return tanhV(x);
  if constexpr (kCode == 5) return min(Vec::broadcast(6.0f), max(Vec::zero(), x));
  return x;
}

// dy * act'(x) from y = act(x). At a kink the slope is that of the flat side (of the negative one for leakyRelu); the
// side not taken is kept out by a select, so a dead unit passes 0 even where dy is NaN.
template <int kCode>
STRIATE_INLINE Vec activateBackward(Activation<kCode>, Vec y, Vec dy, [[maybe_unused]] Vec slope) {
  if constexpr (kCode == 1) return select(lessEqual(y, Vec::zero()), Vec::zero(), dy);
  if constexpr (kCode == 2) return select(lessEqual(y, Vec::zero()), mul(dy, slope), dy);
  if constexpr (kCode == 3) return mul(dy, mul(y, sub(Vec::broadcast(1.0f), y)));
  if constexpr (kCode == 4) return mul(dy, fnma(y, y, Vec::broadcast(1.0f)));
  if constexpr (kCode == 5) {
    const Mask flat = maskOr(lessEqual(y, Vec::zero()), greaterEqual(y, Vec::broadcast(6.0f)));
    return select(flat, Vec::zero(), dy);
  }
  return dy;
}

// body(Activation<code>{}): one loop per activation, no branch inside.
template <class Body>
STRIATE_INLINE void withActivation(int code, const Body& body) {
  switch (code) {
    case 1:
      return body(Activation<1>{});
    case 2:
      return body(Activation<2>{});
    case 3:
      return body(Activation<3>{});
    case 4:
      return body(Activation<4>{});
    case 5:
      return body(Activation<5>{});
    default:
      return body(Activation<0>{});
  }
}

}  // namespace
}  // namespace striate
