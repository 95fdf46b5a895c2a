// activation, activation.backward: element-wise, from lib/graph/opSchema.ts.
//
//   forward    y[p,c] = act(x[p,c])
//   backward   dx[p,c] = dy[p,c] * act'(x[p,c]), the derivative expressed in y
//
// `activation` is the code of the schema. Rows of `channels` contiguous floats at any alignment, `stride` elements
// apart; any sizes. The output may be exactly one of the inputs (same pointer and stride), else nothing may overlap.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct ActivationKernels {
  void (*forward)(int64_t pixels, int64_t channels, const float* x, int64_t xStride, float* y, int64_t yStride,
                  int activation, float slope);
  void (*backward)(int64_t pixels, int64_t channels, const float* y, int64_t yStride, const float* dy, int64_t dyStride,
                   float* dx, int64_t dxStride, int activation, float slope);
};

extern const ActivationKernels kActivationSse2;
extern const ActivationKernels kActivationAvx2;
extern const ActivationKernels kActivationNeon;

}  // namespace striate
