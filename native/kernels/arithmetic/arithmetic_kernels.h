// Templates of the arithmetic kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/arithmetic/arithmetic.h"
#include "simd/activation.h"
#include "simd/columns.h"

namespace striate {
namespace {

void addElements(int64_t pixels, int64_t channels, const float* a, int64_t aStride, const float* b, int64_t bStride,
                 float* y, int64_t yStride, int activation, float slope) {
  const Vec slopes = Vec::broadcast(slope);
  withActivation(activation, [&](auto act) STRIATE_BODY {
    forPixels(pixels, channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
      const Vec sum = add(lanes.load(a + p * aStride + c), lanes.load(b + p * bStride + c));
      lanes.store(y + p * yStride + c, activate(act, sum, slopes));
    });
  });
}

void fillElements(int64_t pixels, int64_t channels, float value, float* y, int64_t yStride) {
  const Vec values = Vec::broadcast(value);
  forPixels(pixels, channels,
            [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY { lanes.store(y + p * yStride + c, values); });
}

void rescaleElements(int64_t pixels, int64_t channels, const float* x, int64_t xStride, float scale, float offset,
                     float* y, int64_t yStride) {
  const Vec scales = Vec::broadcast(scale), offsets = Vec::broadcast(offset);
  forPixels(pixels, channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
    lanes.store(y + p * yStride + c, fma(lanes.load(x + p * xStride + c), scales, offsets));
  });
}

void rescaleBytes(int64_t pixels, int64_t channels, const uint8_t* x, int64_t xStride, float scale, float offset,
                  float* y, int64_t yStride) {
  const Vec scales = Vec::broadcast(scale), offsets = Vec::broadcast(offset);
  forPixels(pixels, channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
    lanes.store(y + p * yStride + c, fma(lanes.loadU8(x + p * xStride + c), scales, offsets));
  });
}

void addColumnSums(int64_t pixels, int64_t columns, const float* x, int64_t stride, float* sums) {
  addColumns(pixels, columns, x, stride, sums);
}

}  // namespace
}  // namespace striate

#define STRIATE_ARITHMETIC_KERNELS                                                                \
  {                                                                                               \
    striate::addElements, striate::fillElements, striate::rescaleElements, striate::rescaleBytes, \
        striate::addColumnSums                                                                    \
  }
