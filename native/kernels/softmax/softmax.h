// softmax and softmax.backward along the last axis: lib/graph/opSchema.ts.
//
// Rows of `channels` >= 1 contiguous floats at any alignment, `stride` elements apart. The output may be exactly one of
// the inputs (same pointer and stride), else nothing may overlap.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct SoftmaxKernels {
  // m[p] = max over c of x[p,c];  s[p] = sum over c of exp(x[p,c] - m[p]);  y[p,c] = exp(x[p,c] - m[p]) / s[p].
  // m and s hold `pixels` floats each and may be null.
  void (*forward)(int64_t pixels, int64_t channels, const float* x, int64_t xStride, float* y, int64_t yStride,
                  float* m, float* s);
  // dx[p,c] = y[p,c] * (dy[p,c] - sum over k of y[p,k] * dy[p,k])
  void (*backward)(int64_t pixels, int64_t channels, const float* y, int64_t yStride, const float* dy, int64_t dyStride,
                   float* dx, int64_t dxStride);
};

extern const SoftmaxKernels kSoftmaxSse2;
extern const SoftmaxKernels kSoftmaxAvx2;
extern const SoftmaxKernels kSoftmaxNeon;

}  // namespace striate
