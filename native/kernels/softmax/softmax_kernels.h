// Templates of the softmax kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/softmax/softmax.h"
#include "simd/lanes.h"
#include "simd/math.h"

namespace striate {
namespace {

void softmaxForward(int64_t pixels, int64_t channels, const float* x, int64_t xStride, float* y, int64_t yStride,
                    float* m, float* s) {
  const float lowest = -__builtin_huge_valf();
  for (int64_t p = 0; p < pixels; ++p, x += xStride, y += yStride) {
    Vec best = Vec::broadcast(lowest);
    forLanes(channels,
             [&](int64_t c, auto lanes) STRIATE_BODY { best = maxPropagate(lanes.loadOr(x + c, lowest), best); });
    const float maximum = reduceMaxPropagate(best);
    const Vec maxima = Vec::broadcast(maximum);
    Vec sums = Vec::zero();
    forLanes(channels, [&](int64_t c, auto lanes) STRIATE_BODY {
      // Dead lanes: exp(-inf) = 0, or NaN beside live ones that are NaN too.
      const Vec e = expV(sub(lanes.loadOr(x + c, lowest), maxima));
      sums = add(sums, e);
      lanes.store(y + c, e);
    });
    const float sum = reduceAdd(sums);
    const Vec all = Vec::broadcast(sum);
    forLanes(channels, [&](int64_t c, auto lanes) STRIATE_BODY { lanes.store(y + c, div(lanes.load(y + c), all)); });
    if (m != nullptr) m[p] = maximum;
    if (s != nullptr) s[p] = sum;
  }
}

void softmaxBackward(int64_t pixels, int64_t channels, const float* y, int64_t yStride, const float* dy,
                     int64_t dyStride, float* dx, int64_t dxStride) {
  for (int64_t p = 0; p < pixels; ++p, y += yStride, dy += dyStride, dx += dxStride) {
    Vec products = Vec::zero();
    forLanes(channels, [&](int64_t c, auto lanes)
                           STRIATE_BODY { products = fma(lanes.load(y + c), lanes.load(dy + c), products); });
    const Vec inner = Vec::broadcast(reduceAdd(products));
    forLanes(channels, [&](int64_t c, auto lanes) STRIATE_BODY {
      lanes.store(dx + c, mul(lanes.load(y + c), sub(lanes.load(dy + c), inner)));
    });
  }
}

}  // namespace
}  // namespace striate

#define STRIATE_SOFTMAX_KERNELS \
  { striate::softmaxForward, striate::softmaxBackward }
