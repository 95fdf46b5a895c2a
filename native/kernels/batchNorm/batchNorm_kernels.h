// Templates of the batch norm kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/batchNorm/batchNorm.h"
#include "simd/activation.h"
#include "simd/columns.h"

namespace striate {
namespace {

void batchNormScales(int64_t columns, const float* gamma, const float* variance, float epsilon, float* scale) {
  const Vec epsilons = Vec::broadcast(epsilon);
  forLanes(columns, [&](int64_t c, auto lanes) STRIATE_BODY {
    lanes.store(scale + c, div(lanes.load(gamma + c), sqrt(add(lanes.load(variance + c), epsilons))));
  });
}

// (x - mean) first: x * scale + (beta - mean * scale) cancels where the mean is large against the deviation.
void batchNormNormalize(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* mean,
                        const float* scale, const float* beta, float* y, int64_t yStride, int activation, float slope) {
  const Vec slopes = Vec::broadcast(slope);
  withActivation(activation, [&](auto act) STRIATE_BODY {
    forPixels(pixels, columns, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
      const Vec deviation = sub(lanes.load(x + p * xStride + c), lanes.load(mean + c));
      const Vec value = fma(deviation, lanes.load(scale + c), lanes.load(beta + c));
      lanes.store(y + p * yStride + c, activate(act, value, slopes));
    });
  });
}

void batchNormAddColumns(int64_t pixels, int64_t columns, const float* x, int64_t stride, float* sums) {
  addColumns(pixels, columns, x, stride, sums);
}

void batchNormAddMoments(int64_t pixels, int64_t columns, const float* x, int64_t stride, const float* shift,
                         float* first, float* second) {
  forColumns(pixels, columns, [&](int64_t p, int64_t c, auto count, auto lanes) STRIATE_BODY {
    const float* at = x + p * stride + c;
    const Vec k = lanes.load(shift + c);
    Vec sum = sub(lanes.load(at), k);
    Vec squares = mul(sum, sum);
    if constexpr (count.count == 4) {
      const Vec d1 = sub(lanes.load(at + stride), k);
      const Vec d2 = sub(lanes.load(at + 2 * stride), k);
      const Vec d3 = sub(lanes.load(at + 3 * stride), k);
      squares = add(fma(d1, d1, squares), fma(d3, d3, mul(d2, d2)));
      sum = add(add(sum, d1), add(d2, d3));
    }
    lanes.store(first + c, add(lanes.load(first + c), sum));
    lanes.store(second + c, add(lanes.load(second + c), squares));
  });
}

// The gradient before the activation, from the deviation x - mean of a normalised element.
template <class Act, class Lanes>
STRIATE_INLINE Vec gradientBehind(Act act, Vec deviation, Vec dy, const BatchNormActivation& behind, int64_t c,
                                  Lanes lanes, Vec slopes) {
  if constexpr (Act::code == 0) return dy;
  const Vec value = fma(deviation, lanes.load(behind.scale + c), lanes.load(behind.beta + c));
  return activateBackward(act, activate(act, value, slopes), dy, slopes);
}

void batchNormAddGradients(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* mean,
                           const float* dy, int64_t dyStride, const BatchNormActivation& behind, float* sums,
                           float* products) {
  const Vec slopes = Vec::broadcast(behind.slope);
  withActivation(behind.activation, [&](auto act) STRIATE_BODY {
    forColumns(pixels, columns, [&](int64_t p, int64_t c, auto count, auto lanes) STRIATE_BODY {
      const float* atX = x + p * xStride + c;
      const float* atDy = dy + p * dyStride + c;
      const Vec m = lanes.load(mean + c);
      const Vec d0 = sub(lanes.load(atX), m);
      Vec sum = gradientBehind(act, d0, lanes.load(atDy), behind, c, lanes, slopes);
      Vec product = mul(sum, d0);
      if constexpr (count.count == 4) {
        const Vec d1 = sub(lanes.load(atX + xStride), m), d2 = sub(lanes.load(atX + 2 * xStride), m),
                  d3 = sub(lanes.load(atX + 3 * xStride), m);
        const Vec g1 = gradientBehind(act, d1, lanes.load(atDy + dyStride), behind, c, lanes, slopes);
        const Vec g2 = gradientBehind(act, d2, lanes.load(atDy + 2 * dyStride), behind, c, lanes, slopes);
        const Vec g3 = gradientBehind(act, d3, lanes.load(atDy + 3 * dyStride), behind, c, lanes, slopes);
        product = add(fma(g1, d1, product), fma(g3, d3, mul(g2, d2)));
        sum = add(add(sum, g1), add(g2, g3));
      }
      lanes.store(sums + c, add(lanes.load(sums + c), sum));
      lanes.store(products + c, add(lanes.load(products + c), product));
    });
  });
}

void batchNormApplyGradient(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* dy,
                            int64_t dyStride, const float* mean, const BatchNormActivation& behind, const float* scale,
                            const float* slope, const float* offset, float* dx, int64_t dxStride) {
  const Vec slopes = Vec::broadcast(behind.slope);
  withActivation(behind.activation, [&](auto act) STRIATE_BODY {
    forPixels(pixels, columns, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
      const Vec deviation = sub(lanes.load(x + p * xStride + c), lanes.load(mean + c));
      const Vec line = fma(deviation, lanes.load(slope + c), lanes.load(offset + c));
      const Vec gradient = gradientBehind(act, deviation, lanes.load(dy + p * dyStride + c), behind, c, lanes, slopes);
      lanes.store(dx + p * dxStride + c, fma(gradient, lanes.load(scale + c), line));
    });
  });
}

void batchNormMultiply(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* scale, float* y,
                       int64_t yStride) {
  forPixels(pixels, columns, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
    lanes.store(y + p * yStride + c, mul(lanes.load(x + p * xStride + c), lanes.load(scale + c)));
  });
}

void batchNormBlend(int64_t columns, const float* batch, float factor, const float* running, float momentum,
                    float* result) {
  const Vec fresh = Vec::broadcast(momentum), kept = Vec::broadcast(1.0f - momentum), factors = Vec::broadcast(factor);
  forLanes(columns, [&](int64_t c, auto lanes) STRIATE_BODY {
    const Vec value = mul(fresh, mul(factors, lanes.load(batch + c)));
    lanes.store(result + c, fma(kept, lanes.load(running + c), value));
  });
}

}  // namespace
}  // namespace striate

#define STRIATE_BATCH_NORM_KERNELS                                                                                     \
  {                                                                                                                    \
    striate::batchNormScales, striate::batchNormNormalize, striate::batchNormAddColumns, striate::batchNormAddMoments, \
        striate::batchNormAddGradients, striate::batchNormApplyGradient, striate::batchNormMultiply,                   \
        striate::batchNormBlend                                                                                        \
  }
