// Templates of the activation kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/activation/activation.h"
#include "simd/activation.h"
#include "simd/lanes.h"

namespace striate {
namespace {

void activationForward(int64_t pixels, int64_t channels, const float* x, int64_t xStride, float* y, int64_t yStride,
                       int activation, float slope) {
  const Vec slopes = Vec::broadcast(slope);
  withActivation(activation, [&](auto act) STRIATE_BODY {
    forPixels(pixels, channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
      lanes.store(y + p * yStride + c, activate(act, lanes.load(x + p * xStride + c), slopes));
    });
  });
}

void activationBackward(int64_t pixels, int64_t channels, const float* y, int64_t yStride, const float* dy,
                        int64_t dyStride, float* dx, int64_t dxStride, int activation, float slope) {
  const Vec slopes = Vec::broadcast(slope);
  withActivation(activation, [&](auto act) STRIATE_BODY {
    forPixels(pixels, channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
      const Vec value = lanes.load(y + p * yStride + c);
      lanes.store(dx + p * dxStride + c, activateBackward(act, value, lanes.load(dy + p * dyStride + c), slopes));
    });
  });
}

}  // namespace
}  // namespace striate

#define STRIATE_ACTIVATION_KERNELS \
  { striate::activationForward, striate::activationBackward }
