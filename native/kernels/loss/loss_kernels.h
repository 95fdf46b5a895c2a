// Templates of the loss kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/loss/loss.h"
#include "simd/lanes.h"

namespace striate {
namespace {

void lossCrossEntropyBackward(int64_t pixels, int64_t channels, const float* probabilities, int64_t stride,
                              const int32_t* labels, float share, float* dx, int64_t dxStride) {
  const Vec shares = Vec::broadcast(share);
  for (int64_t p = 0; p < pixels; ++p, probabilities += stride, dx += dxStride) {
    const float hot = (probabilities[labels[p]] - 1.0f) * share;  // read first: dx may be the probabilities
    forLanes(channels, [&](int64_t c, auto lanes)
                           STRIATE_BODY { lanes.store(dx + c, mul(lanes.load(probabilities + c), shares)); });
    dx[labels[p]] = hot;
  }
}

float lossSquaredDistance(int64_t pixels, int64_t channels, const float* a, int64_t aStride, const float* b,
                          int64_t bStride) {
  // Four sums in turn: one alone would wait for its own latency.
  Vec sums[4] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
  constexpr int64_t kStep = 4 * Vec::width;
  for (int64_t p = 0; p < pixels; ++p, a += aStride, b += bStride) {
    int64_t c = 0;
    for (; c + kStep <= channels; c += kStep) {
      for (int i = 0; i < 4; ++i) {
        const Vec d = sub(Vec::load(a + c + i * Vec::width), Vec::load(b + c + i * Vec::width));
        sums[i] = fma(d, d, sums[i]);
      }
    }
    forLanes(channels - c, [&](int64_t i, auto lanes) STRIATE_BODY {
      const Vec d = sub(lanes.load(a + c + i), lanes.load(b + c + i));
      sums[0] = fma(d, d, sums[0]);
    });
  }
  return reduceAdd(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
}

void lossScaledDifference(int64_t pixels, int64_t channels, const float* a, int64_t aStride, const float* b,
                          int64_t bStride, float share, float* dx, int64_t dxStride) {
  const Vec shares = Vec::broadcast(share);
  forPixels(pixels, channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
    const Vec d = sub(lanes.load(a + p * aStride + c), lanes.load(b + p * bStride + c));
    lanes.store(dx + p * dxStride + c, mul(d, shares));
  });
}

}  // namespace
}  // namespace striate

#define STRIATE_LOSS_KERNELS \
  { striate::lossCrossEntropyBackward, striate::lossSquaredDistance, striate::lossScaledDifference }
