// Templates of the SGD kernel over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/sgd/sgd.h"
#include "simd/lanes.h"

namespace striate {
namespace {

enum class SgdForm { plain, momentum, nesterov };

template <SgdForm form>
STRIATE_INLINE void sgdPass(const SgdStep& s) {
  const Vec rate = Vec::broadcast(s.learningRate), momentum = Vec::broadcast(s.momentum),
            decay = Vec::broadcast(s.weightDecay);
  forPixels(s.pixels, s.channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
    const Vec parameter = lanes.load(s.parameter + p * s.parameterStride + c);
    Vec g = fma(decay, parameter, lanes.load(s.gradient + p * s.gradientStride + c));
    if constexpr (form != SgdForm::plain) {
      const Vec velocity = fma(momentum, lanes.load(s.velocity + p * s.velocityStride + c), g);
      lanes.store(s.newVelocity + p * s.newVelocityStride + c, velocity);
      g = form == SgdForm::nesterov ? fma(momentum, velocity, g) : velocity;
    }
    lanes.store(s.newParameter + p * s.newParameterStride + c, fnma(rate, g, parameter));
  });
}

void sgdUpdate(const SgdStep& step) {
  if (step.velocity == nullptr) {
    sgdPass<SgdForm::plain>(step);
  } else if (step.nesterov) {
    sgdPass<SgdForm::nesterov>(step);
  } else {
    sgdPass<SgdForm::momentum>(step);
  }
}

}  // namespace
}  // namespace striate

#define STRIATE_SGD_KERNELS \
  { striate::sgdUpdate }
