// softmaxCrossEntropy and meanSquaredError with their backward ops: lib/graph/opSchema.ts. The softmax itself is
// softmax/'s.
//
// Rows of `channels` contiguous floats at any alignment, `stride` elements apart; any sizes. A gradient may be exactly
// one of the inputs (same pointer and stride), else nothing may overlap.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct LossKernels {
  // dx[p,c] = (probabilities[p,c] - (labels[p] == c)) * share; every label is in 0 .. channels - 1.
  void (*crossEntropyBackward)(int64_t pixels, int64_t channels, const float* probabilities, int64_t stride,
                               const int32_t* labels, float share, float* dx, int64_t dxStride);
  // The sum over p, c of (a[p,c] - b[p,c])^2.
  float (*squaredDistance)(int64_t pixels, int64_t channels, const float* a, int64_t aStride, const float* b,
                           int64_t bStride);
  // dx[p,c] = (a[p,c] - b[p,c]) * share
  void (*scaledDifference)(int64_t pixels, int64_t channels, const float* a, int64_t aStride, const float* b,
                           int64_t bStride, float share, float* dx, int64_t dxStride);
};

extern const LossKernels kLossSse2;
extern const LossKernels kLossAvx2;
extern const LossKernels kLossNeon;

}  // namespace striate
