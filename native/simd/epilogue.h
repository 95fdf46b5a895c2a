// What ends a convolution or a product: the activations of lib/graph/opSchema.ts over a vector of sums.
#pragma once
#include "simd/activationCodes.h"
#include "simd/math.h"

namespace striate {

namespace {

// The two that belong into registers; sigmoid and tanh would spill the tile and are applied to it afterwards.
STRIATE_INLINE bool activatesInRegisters(int activation) { return activation <= kActivationLeakyRelu; }

template <class V>
STRIATE_INLINE V reluV(V x) {
  return max(V::zero(), x);  // keeps NaN: max gives its second operand then
}
template <class V>
STRIATE_INLINE V leakyReluV(V x, V slope) {
  return select(greater(x, V::zero()), x, mul(x, slope));
}
template <class V>
STRIATE_INLINE V activateV(V x, int activation, V slope) {
  switch (activation) {
    case kActivationRelu:
      return reluV(x);
    case kActivationLeakyRelu:
      return leakyReluV(x, slope);
    case kActivationSigmoid:
      return sigmoidV(x);
    case kActivationTanh:
      return tanhV(x);
    default:
      return x;
  }
}

}  // namespace
}  // namespace striate
