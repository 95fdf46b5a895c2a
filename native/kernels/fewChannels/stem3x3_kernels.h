// The kernels of stem3x3.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/fewChannels/stem3x3.h"
#include "simd/epilogue.h"
#include "simd/unroll.h"

namespace striate {
namespace {

template <int kChannels, class Act>
STRIATE_INLINE void stem3x3Tiles(const Stem3x3Row& t, const Act& act) {
  constexpr int kRun = 3 * kChannels, kWidth = 2 * Vec::width, kPixels = kStem3x3Pixels;
  const int64_t step = t.step, yPixel = t.yPixel;
  float* y = t.y;
  for (int64_t tile = 0; tile < t.tiles; ++tile, y += kPixels * yPixel) {
    const float* b = t.filter;
    for (int64_t column = 0; column < t.panels * kWidth; column += kWidth) {
      float* to = y + column;
      Vec acc[kPixels][2];
      const Vec bias0 = t.bias == nullptr ? Vec::zero() : Vec::load(t.bias + column);
      const Vec bias1 = t.bias == nullptr ? Vec::zero() : Vec::load(t.bias + column + Vec::width);
      repeat<kPixels>(STRIATE_LAMBDA(int m) {
        acc[m][0] = bias0;
        acc[m][1] = bias1;
      });
      for (int a = 0; a < 3; ++a, b += kRun * kWidth) {
        const float* x = t.lines[a] + tile * kPixels * step;
        repeat<kRun>(STRIATE_LAMBDA(int k) {
          const Vec b0 = Vec::load(b + k * kWidth), b1 = Vec::load(b + k * kWidth + Vec::width);
          repeat<kPixels>(STRIATE_LAMBDA(int m) {
            const Vec v = Vec::broadcastLoad(x + m * step + k);
            acc[m][0] = fma(v, b0, acc[m][0]);
            acc[m][1] = fma(v, b1, acc[m][1]);
          });
        });
      }
      repeat<kPixels>(STRIATE_LAMBDA(int m) {
        act(acc[m][0]).store(to + m * yPixel);
        act(acc[m][1]).store(to + m * yPixel + Vec::width);
      });
    }
  }
}

template <int kChannels>
void stem3x3Row(const Stem3x3Row& t) {
  const Vec slope = Vec::broadcast(t.slope);
  switch (t.activation) {
    case kActivationRelu:
      return stem3x3Tiles<kChannels>(
          t, STRIATE_LAMBDA(Vec v) { return reluV(v); });
    case kActivationLeakyRelu:
      return stem3x3Tiles<kChannels>(
          t, STRIATE_LAMBDA(Vec v) { return leakyReluV(v, slope); });
    case kActivationRelu6:
      return stem3x3Tiles<kChannels>(
          t, STRIATE_LAMBDA(Vec v) { return relu6V(v); });
    default:
      return stem3x3Tiles<kChannels>(
          t, STRIATE_LAMBDA(Vec v) { return v; });
  }
}

constexpr Stem3x3Kernels kStem3x3 = {2 * Vec::width, {stem3x3Row<1>, stem3x3Row<2>, stem3x3Row<3>, stem3x3Row<4>}};

}  // namespace
}  // namespace striate
