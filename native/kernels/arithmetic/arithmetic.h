// add, copy, fill, rescale, channelSum: lib/graph/opSchema.ts.
//
// Rows of `channels` contiguous elements at any alignment, `stride` elements apart; any sizes. The output of an
// element-wise kernel may be exactly one of its inputs (same pointer and stride), else nothing may overlap.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct ArithmeticKernels {
  // y[p,c] = act(a[p,c] + b[p,c]); `activation` is the code of the schema.
  void (*add)(int64_t pixels, int64_t channels, const float* a, int64_t aStride, const float* b, int64_t bStride,
              float* y, int64_t yStride, int activation, float slope);
  // y[p,c] = value
  void (*fill)(int64_t pixels, int64_t channels, float value, float* y, int64_t yStride);
  // y[p,c] = x[p,c] * scale + offset
  void (*rescale)(int64_t pixels, int64_t channels, const float* x, int64_t xStride, float scale, float offset,
                  float* y, int64_t yStride);
  void (*rescaleU8)(int64_t pixels, int64_t channels, const uint8_t* x, int64_t xStride, float scale, float offset,
                    float* y, int64_t yStride);
  // sums[c] += sum over p of x[p,c]; sums overlap nothing.
  void (*addColumns)(int64_t pixels, int64_t columns, const float* x, int64_t stride, float* sums);
};

extern const ArithmeticKernels kArithmeticSse2;
extern const ArithmeticKernels kArithmeticAvx2;
extern const ArithmeticKernels kArithmeticNeon;

}  // namespace striate
