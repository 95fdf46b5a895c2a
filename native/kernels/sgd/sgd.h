// sgd: lib/graph/opSchema.ts. One pass over parameter, gradient and velocity.
//
//   g = gradient + weightDecay * parameter
//   v' = momentum * v + g
//   parameter' = parameter - learningRate * (nesterov ? g + momentum * v' : v'), or - learningRate * g without velocity
//
// Rows of `channels` contiguous floats at any alignment, `stride` elements apart; any sizes. The results may be exactly
// the operands that they replace (same pointer and stride), else nothing may overlap.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct SgdStep {
  int64_t pixels, channels;
  const float *parameter, *gradient, *velocity;  // velocity may be null
  int64_t parameterStride, gradientStride, velocityStride;
  float *newParameter, *newVelocity;  // newVelocity is null where velocity is
  int64_t newParameterStride, newVelocityStride;
  float learningRate, momentum, weightDecay;
  bool nesterov;
};

struct SgdKernels {
  void (*update)(const SgdStep& step);
};

extern const SgdKernels kSgdSse2;
extern const SgdKernels kSgdAvx2;
extern const SgdKernels kSgdNeon;

}  // namespace striate
