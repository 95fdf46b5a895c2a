// Templates of the max pooling kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/maxPool2d/maxPool2d.h"
#include "simd/lanes.h"

namespace striate {
namespace {

STRIATE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
STRIATE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// The rows x columns pixels of the image under one window.
struct MaxPoolTaps {
  int64_t rows, columns, rowStride, pixelStride;
};

template <class Lanes>
STRIATE_INLINE Vec windowMaximum(const float* x, const MaxPoolTaps& taps, Lanes lanes) {
  Vec best = Vec::broadcast(-__builtin_huge_valf());
  for (int64_t h = 0; h < taps.rows; ++h) {
    const float* at = x + h * taps.rowStride;
    for (int64_t w = 0; w < taps.columns; ++w, at += taps.pixelStride) best = maxPropagate(lanes.load(at), best);
  }
  return best;
}

// Four vectors of channels at a time: a tap then costs one step of the address and not four.
STRIATE_INLINE int64_t windowMaximaByFour(const float* x, const MaxPoolTaps& taps, int64_t channels, float* y) {
  constexpr int64_t kWidth = Vec::width;
  int64_t c = 0;
  for (; c + 4 * kWidth <= channels; c += 4 * kWidth) {
    Vec a = Vec::broadcast(-__builtin_huge_valf()), b = a, d = a, e = a;
    for (int64_t h = 0; h < taps.rows; ++h) {
      const float* at = x + h * taps.rowStride + c;
      for (int64_t w = 0; w < taps.columns; ++w, at += taps.pixelStride) {
        a = maxPropagate(Vec::load(at), a);
        b = maxPropagate(Vec::load(at + kWidth), b);
        d = maxPropagate(Vec::load(at + 2 * kWidth), d);
        e = maxPropagate(Vec::load(at + 3 * kWidth), e);
      }
    }
    a.store(y + c);
    b.store(y + c + kWidth);
    d.store(y + c + 2 * kWidth);
    e.store(y + c + 3 * kWidth);
  }
  return c;
}

void maxPoolForwardRow(const MaxPoolRow& r) {
  for (int64_t ow = 0; ow < r.outWidth; ++ow) {
    const int64_t left = ow * r.strideW - r.padLeft;
    const int64_t begin = most(left, 0), end = least(left + r.kernelW, r.width);
    const MaxPoolTaps taps{r.rows, end - begin, r.width * r.xStride, r.xStride};
    const float* x = r.x + begin * r.xStride;
    float* y = r.y + ow * r.yStride;
    const int64_t done = windowMaximaByFour(x, taps, r.channels, y);
    forLanes(r.channels - done, [&](int64_t i, auto lanes) STRIATE_BODY {
      lanes.store(y + done + i, windowMaximum(x + done + i, taps, lanes));
    });
  }
}

void zeroPixels(float* dx, int64_t pixels, int64_t stride, int64_t channels) {
  forPixels(pixels, channels,
            [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY { lanes.store(dx + p * stride + c, Vec::zero()); });
}

// Gives dy to the first maximum of a window and nothing to the others. `tiled`: no other window has these pixels, so dx
// is written and not added to. `nans`: a NaN equals nothing, but where there is one, the maximum is NaN, and the first
// is meant.
template <bool tiled, bool nans, class Lanes>
STRIATE_INLINE void routeVector(const float* x, const MaxPoolTaps& taps, Vec best, Vec gradient, float* dx,
                                int64_t dxRowStride, int64_t dxStride, Lanes lanes) {
  for (int64_t h = 0; h < taps.rows; ++h) {
    const float* atX = x + h * taps.rowStride;
    float* atDx = dx + h * dxRowStride;
    for (int64_t w = 0; w < taps.columns; ++w, atX += taps.pixelStride, atDx += dxStride) {
      const Vec value = lanes.load(atX);
      const Mask hit = nans ? maskOr(equal(value, best), isNan(value)) : equal(value, best);
      const Vec share = select(hit, gradient, Vec::zero());
      lanes.store(atDx, tiled ? share : add(lanes.load(atDx), share));
      gradient = select(hit, Vec::zero(), gradient);
    }
  }
}

template <bool tiled>
STRIATE_INLINE void routeWindow(const float* x, const MaxPoolTaps& taps, const float* dy, float* dx,
                                int64_t dxRowStride, int64_t dxStride, int64_t channels) {
  forLanes(channels, [&](int64_t c, auto lanes) STRIATE_BODY {
    const Vec best = windowMaximum(x + c, taps, lanes);
    if (any(isNan(best))) [[unlikely]] {
      routeVector<tiled, true>(x + c, taps, best, lanes.load(dy + c), dx + c, dxRowStride, dxStride, lanes);
    } else {
      routeVector<tiled, false>(x + c, taps, best, lanes.load(dy + c), dx + c, dxRowStride, dxStride, lanes);
    }
  });
}

template <bool tiled>
STRIATE_INLINE void routeImage(const MaxPoolImage& m) {
  const int64_t xRow = m.width * m.xStride, dxRow = m.width * m.dxStride;
  // Image rows before this one hold their gradients or the zeros to which more is added: each is zeroed just before its
  // first window, while it will still be in the cache.
  int64_t ready = 0;
  for (int64_t oh = 0; oh < m.outHeight; ++oh) {
    const int64_t top = oh * m.strideH - m.padTop;
    const int64_t hBegin = most(top, 0), hEnd = least(top + m.kernelH, m.height);
    if (!tiled && hEnd > ready) {
      zeroPixels(m.dx + ready * dxRow, (hEnd - ready) * m.width, m.dxStride, m.channels);
      ready = hEnd;
    }
    int64_t covered = 0;
    for (int64_t ow = 0; ow < m.outWidth; ++ow) {
      const int64_t left = ow * m.strideW - m.padLeft;
      const int64_t wBegin = most(left, 0), wEnd = least(left + m.kernelW, m.width);
      const MaxPoolTaps taps{hEnd - hBegin, wEnd - wBegin, xRow, m.xStride};
      routeWindow<tiled>(m.x + hBegin * xRow + wBegin * m.xStride, taps, m.dy + (oh * m.outWidth + ow) * m.dyStride,
                         m.dx + hBegin * dxRow + wBegin * m.dxStride, dxRow, m.dxStride, m.channels);
      covered = wEnd;
    }
    if (tiled) {  // columns and, below, rows that no window reaches
      for (int64_t h = hBegin; h < hEnd; ++h) {
        zeroPixels(m.dx + h * dxRow + covered * m.dxStride, m.width - covered, m.dxStride, m.channels);
      }
      ready = hEnd;
    }
  }
  zeroPixels(m.dx + ready * dxRow, (m.height - ready) * m.width, m.dxStride, m.channels);
}

void maxPoolBackwardImage(const MaxPoolImage& image) {
  if (image.kernelH == image.strideH && image.kernelW == image.strideW) {
    routeImage<true>(image);
  } else {
    routeImage<false>(image);
  }
}

}  // namespace
}  // namespace striate

#define STRIATE_MAX_POOL2D_KERNELS \
  { striate::maxPoolForwardRow, striate::maxPoolBackwardImage }
