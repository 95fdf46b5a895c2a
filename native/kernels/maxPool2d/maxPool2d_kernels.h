// Templates of the max pooling kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/maxPool2d/maxPool2d.h"
#include "simd/lanes.h"
#include "simd/poolTile.h"

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

// Any windows.
STRIATE_INLINE void maxPoolWindows(const MaxPoolRow& r, int64_t first, int64_t last) {
  for (int64_t ow = first; ow < last; ++ow) {
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

// Windows [begin, end), four at least, whose columns all lie in the image.
template <int kRows, int kWindow, int kStride>
__attribute__((noinline)) void maxPoolTiles(const MaxPoolRow& r, int64_t begin, int64_t end) {
  const int64_t row = r.width * r.xStride;
  const float* x = r.x + (begin * kStride - r.padLeft) * r.xStride;
  float* y = r.y + begin * r.yStride;
  poolTiles<kRows, kWindow, kStride, PoolMax>(
      x, row, r.xStride, r.channels, 0, end - begin,
      STRIATE_LAMBDA(int64_t window, int64_t c, const Vec(&out)[kPoolWindows], const PoolMax& reduce) {
        float* to = y + window * r.yStride + c;
        if (any(reduce.nan)) [[unlikely]] {
          const float* at = x + window * kStride * r.xStride + c;
          for (int64_t j = 0; j < kPoolWindows; ++j) {
            const MaxPoolTaps taps{kRows, kWindow, row, r.xStride};
            windowMaximum(at + j * kStride * r.xStride, taps, AllLanes{}).store(to + j * r.yStride);
          }
        } else {
          repeat<kPoolWindows>(STRIATE_LAMBDA(int j) { out[j].store(to + j * r.yStride); });
        }
      });
}

__attribute__((noinline)) bool maxPoolNarrow(const MaxPoolRow& r, int64_t begin, int64_t end) {
  return poolNarrow<PoolMax>(
      r.x + (begin * r.strideW - r.padLeft) * r.xStride, r.rows, r.width * r.xStride, r.channels, r.kernelW, r.strideW,
      0, end - begin, [](const PoolMax& reduce) STRIATE_BODY { return !any(reduce.nan); },
      [&](int64_t window, Vec out, auto lanes) STRIATE_BODY { lanes.store(r.y + (begin + window) * r.yStride, out); });
}

STRIATE_INLINE bool maxPoolInside(const MaxPoolRow& r, Inside inside) {
  const auto [begin, end] = inside;
  if (r.rows < 2 || end - begin < kPoolWindows) return false;
  if (r.channels < Vec::width) {
    const bool dense = r.xStride == r.channels && r.yStride == r.channels;
    return dense && r.kernelW * r.channels <= kNarrowFloats && maxPoolNarrow(r, begin, end);
  }
  if (r.kernelW == 2 && r.strideW == 2 && r.rows == 2) return maxPoolTiles<2, 2, 2>(r, begin, end), true;
  if (r.kernelW != 3 || r.rows > 3) return false;
  if (r.strideW == 2)
    return r.rows == 3 ? maxPoolTiles<3, 3, 2>(r, begin, end) : maxPoolTiles<2, 3, 2>(r, begin, end), true;
  if (r.strideW == 1)
    return r.rows == 3 ? maxPoolTiles<3, 3, 1>(r, begin, end) : maxPoolTiles<2, 3, 1>(r, begin, end), true;
  return false;
}

void maxPoolForwardRow(const MaxPoolRow& r) {
  const Inside inside = Inside::of(r.width, r.outWidth, r.kernelW, r.strideW, r.padLeft);
  if (maxPoolInside(r, inside)) {
    maxPoolWindows(r, 0, inside.begin);
    maxPoolWindows(r, inside.end, r.outWidth);
  } else {
    maxPoolWindows(r, 0, r.outWidth);
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

// Four neighbouring windows of kWindow x kWindow pixels at once, in the order of single ones. False, and nothing done,
// where there is a NaN.
template <bool tiled, int kWindow, int kStride, class Lanes>
STRIATE_INLINE bool routeTile(const float* x, int64_t xRow, int64_t xPixel, const float* dy, int64_t dyPixel, float* dx,
                              int64_t dxRow, int64_t dxPixel, Lanes lanes) {
  Vec best[kPoolWindows], gradient[kPoolWindows];
  PoolMax reduce;
  poolTile<kWindow, kWindow, kStride>(x, xRow, xPixel, best, reduce, lanes);
  if (any(reduce.nan)) [[unlikely]]
    return false;
  repeat<kPoolWindows>(STRIATE_LAMBDA(int j) { gradient[j] = lanes.load(dy + j * dyPixel); });
  repeat<kWindow>(STRIATE_LAMBDA(int a) {
    repeat<(kPoolWindows - 1) * kStride + kWindow>(STRIATE_LAMBDA(int q) {
      const Vec value = lanes.load(x + a * xRow + q * xPixel);
      float* to = dx + a * dxRow + q * dxPixel;
      Vec sum = tiled ? Vec::zero() : lanes.load(to);
      repeat<kPoolWindows>(STRIATE_LAMBDA(int j) {
        const int b = q - j * kStride;
        if (b >= 0 && b < kWindow) {
          const Mask hit = equal(value, best[j]);
          sum = tiled ? keep(hit, gradient[j]) : add(sum, keep(hit, gradient[j]));
          gradient[j] = drop(hit, gradient[j]);
        }
      });
      lanes.store(to, sum);
    });
  });
  return true;
}

template <bool tiled, int kWindow, int kStride>
__attribute__((noinline)) void routeTiles(const MaxPoolImage& m, const float* x, const float* dy, float* dx,
                                          bool wholeVectors) {
  const int64_t xRow = m.width * m.xStride, dxRow = m.width * m.dxStride;
  const auto route = [&](int64_t c, auto lanes) STRIATE_BODY {
    if (routeTile<tiled, kWindow, kStride>(x + c, xRow, m.xStride, dy + c, m.dyStride, dx + c, dxRow, m.dxStride,
                                           lanes))
      return;
    for (int64_t j = 0; j < kPoolWindows; ++j) {
      const float* at = x + j * kStride * m.xStride + c;
      const MaxPoolTaps taps{kWindow, kWindow, xRow, m.xStride};
      routeVector<tiled, true>(at, taps, windowMaximum(at, taps, lanes), lanes.load(dy + j * m.dyStride + c),
                               dx + j * kStride * m.dxStride + c, dxRow, m.dxStride, lanes);
    }
  };
  if (wholeVectors) {
    route(0, AllLanes{});
  } else {
    forLanes(m.channels, route);
  }
}

using RouteTilesFn = void (*)(const MaxPoolImage&, const float*, const float*, float*, bool);

template <bool tiled>
STRIATE_INLINE RouteTilesFn routeTilesOf(const MaxPoolImage& m) {
  if (m.kernelH != m.kernelW || m.strideH != m.strideW) return nullptr;
  if constexpr (tiled) return m.kernelW == 2 ? routeTiles<true, 2, 2> : nullptr;
  if (m.kernelW != 3) return nullptr;
  return m.strideW == 1 ? routeTiles<false, 3, 1> : m.strideW == 2 ? routeTiles<false, 3, 2> : nullptr;
}

template <bool tiled>
STRIATE_INLINE void routeImage(const MaxPoolImage& m) {
  const int64_t xRow = m.width * m.xStride, dxRow = m.width * m.dxStride;
  const RouteTilesFn tiles = routeTilesOf<tiled>(m);
  const Inside inside = Inside::of(m.width, m.outWidth, m.kernelW, m.strideW, m.padLeft);
  // Tiles of fewer channels than a vector may write whole ones where the windows to come write the rest again.
  const bool overwrites = tiled && m.channels < Vec::width && m.xStride == m.channels && m.dyStride == m.channels &&
                          m.dxStride == m.channels;
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
    const bool wholeRows = tiles != nullptr && hEnd - hBegin == m.kernelH;
    int64_t covered = 0;
    for (int64_t ow = 0; ow < m.outWidth;) {
      const int64_t left = ow * m.strideW - m.padLeft;
      const int64_t wBegin = most(left, 0), wEnd = least(left + m.kernelW, m.width);
      const float* x = m.x + hBegin * xRow + wBegin * m.xStride;
      const float* dy = m.dy + (oh * m.outWidth + ow) * m.dyStride;
      float* dx = m.dx + hBegin * dxRow + wBegin * m.dxStride;
      if (wholeRows && ow >= inside.begin && ow + kPoolWindows <= inside.end) {
        covered = left + (kPoolWindows - 1) * m.strideW + m.kernelW;
        const bool room = (m.width - covered + 1) * m.channels >= Vec::width &&
                          (m.outWidth - ow - kPoolWindows + 1) * m.channels >= Vec::width;
        tiles(m, x, dy, dx, overwrites && room);
        ow += kPoolWindows;
        continue;
      }
      const MaxPoolTaps taps{hEnd - hBegin, wEnd - wBegin, xRow, m.xStride};
      routeWindow<tiled>(x, taps, dy, dx, dxRow, m.dxStride, m.channels);
      covered = wEnd;
      ++ow;
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
