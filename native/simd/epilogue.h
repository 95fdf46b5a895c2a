// What ends a convolution or a product: an activation known at run time, over sums in registers or in a row.
#pragma once
#include "simd/activation.h"
#include "simd/activationCodes.h"

namespace striate {
namespace {

// Those that belong into registers; sigmoid and tanh would spill the tile and are applied to it afterwards.
STRIATE_INLINE bool activatesInRegisters(int code) { return code != kActivationSigmoid && code != kActivationTanh; }

STRIATE_INLINE Vec reluV(Vec x) { return activate(Activation<kActivationRelu>(), x, x); }
STRIATE_INLINE Vec relu6V(Vec x) { return activate(Activation<kActivationRelu6>(), x, x); }
STRIATE_INLINE Vec leakyReluV(Vec x, Vec slope) { return activate(Activation<kActivationLeakyRelu>(), x, slope); }

STRIATE_INLINE Vec activateV(Vec x, int code, Vec slope) {
  withActivation(code, [&](auto activation) { x = activate(activation, x, slope); });
  return x;
}

}  // namespace
}  // namespace striate
