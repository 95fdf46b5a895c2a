// Templates of the average pooling kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/avgPool2d/avgPool2d.h"
#include "simd/columns.h"
#include "simd/poolTile.h"

namespace striate {
namespace {

STRIATE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
STRIATE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// How much of window `out` counts along an axis.
STRIATE_INLINE int64_t areaAlong(const AvgPoolAxis& axis, int64_t out) {
  const int64_t begin = out * axis.stride - axis.before;
  return least(begin + axis.kernel, axis.last) - most(begin, axis.first);
}

// Any windows.
STRIATE_INLINE void avgPoolWindows(const AvgPoolForwardRow& r, int64_t first, int64_t last) {
  const AvgPoolAxis& axis = r.columns;
  const int64_t rowStride = axis.size * r.xStride;
  for (int64_t ow = first; ow < last; ++ow) {
    const int64_t left = ow * axis.stride - axis.before;
    const int64_t begin = most(left, 0), end = least(left + axis.kernel, axis.size);
    const Vec area = Vec::broadcast(static_cast<float>(r.areaRows * areaAlong(axis, ow)));
    const float* x = r.x + begin * r.xStride;
    float* y = r.y + ow * r.yStride;
    forLanes(r.channels, [&](int64_t c, auto lanes) STRIATE_BODY {
      Vec total = Vec::zero();
      for (int64_t h = 0; h < r.rows; ++h) {
        // A sum per row keeps the rounding of large windows small.
        const float* at = x + h * rowStride + c;
        Vec sum = lanes.load(at);
        for (int64_t w = begin + 1; w < end; ++w) sum = add(sum, lanes.load(at += r.xStride));
        total = add(total, sum);
      }
      lanes.store(y + c, div(total, area));
    });
  }
}

// Windows [begin, end), four at least, whose columns all lie in the image.
template <int kRows, int kWindow, int kStride>
__attribute__((noinline)) void avgPoolTiles(const AvgPoolForwardRow& r, int64_t begin, int64_t end) {
  const Vec area = Vec::broadcast(static_cast<float>(r.areaRows * kWindow));
  float* y = r.y + begin * r.yStride;
  poolTiles<kRows, kWindow, kStride, PoolSum>(
      r.x + (begin * kStride - r.columns.before) * r.xStride, r.columns.size * r.xStride, r.xStride, r.channels, 0,
      end - begin, STRIATE_LAMBDA(int64_t window, int64_t c, const Vec(&out)[kPoolWindows], const PoolSum&) {
        repeat<kPoolWindows>(STRIATE_LAMBDA(int j) { div(out[j], area).store(y + (window + j) * r.yStride + c); });
      });
}

__attribute__((noinline)) bool avgPoolNarrow(const AvgPoolForwardRow& r, int64_t begin, int64_t end) {
  const AvgPoolAxis& axis = r.columns;
  const Vec area = Vec::broadcast(static_cast<float>(r.areaRows * axis.kernel));
  return poolNarrow<PoolSum>(
      r.x + (begin * axis.stride - axis.before) * r.xStride, r.rows, axis.size * r.xStride, r.channels, axis.kernel,
      axis.stride, 0, end - begin, [](const PoolSum&) STRIATE_BODY { return true; },
      [&](int64_t window, Vec out, auto lanes)
          STRIATE_BODY { lanes.store(r.y + (begin + window) * r.yStride, div(out, area)); });
}

STRIATE_INLINE bool avgPoolInside(const AvgPoolForwardRow& r, int64_t begin, int64_t end) {
  const AvgPoolAxis& axis = r.columns;
  if (r.rows < 2 || end - begin < kPoolWindows) return false;
  if (r.channels < Vec::width) {
    const bool dense = r.xStride == r.channels && r.yStride == r.channels;
    return dense && axis.kernel * r.channels <= kNarrowFloats && avgPoolNarrow(r, begin, end);
  }
  if (axis.kernel == 2 && axis.stride == 2 && r.rows == 2) return avgPoolTiles<2, 2, 2>(r, begin, end), true;
  if (axis.kernel != 3 || r.rows > 3) return false;
  if (axis.stride == 2)
    return r.rows == 3 ? avgPoolTiles<3, 3, 2>(r, begin, end) : avgPoolTiles<2, 3, 2>(r, begin, end), true;
  if (axis.stride == 1)
    return r.rows == 3 ? avgPoolTiles<3, 3, 1>(r, begin, end) : avgPoolTiles<2, 3, 1>(r, begin, end), true;
  return false;
}

void avgPoolForwardRow(const AvgPoolForwardRow& r) {
  const AvgPoolAxis& axis = r.columns;
  const Inside inside = Inside::of(axis.size, axis.out, axis.kernel, axis.stride, axis.before);
  if (avgPoolInside(r, inside.begin, inside.end)) {
    avgPoolWindows(r, 0, inside.begin);
    avgPoolWindows(r, inside.end, axis.out);
  } else {
    avgPoolWindows(r, 0, axis.out);
  }
}

// One pixel of dx from the windows [begin, end) of each line that hold it. Many channels go through memory, window by
// window, so that a divisor is made once per window; few stay in a register, because a masked store does not forward to
// the next masked load.
STRIATE_INLINE void gatherMany(const AvgPoolBackwardRow& r, int64_t begin, int64_t end, float* dx) {
  const int64_t rowStride = r.columns.out * r.dyStride;
  bool first = true;
  for (int64_t oh = 0; oh < r.rows; ++oh) {
    const int64_t areaRows = areaAlong(r.lines, r.firstRow + oh);
    for (int64_t ow = begin; ow < end; ++ow) {
      const Vec share = Vec::broadcast(1.0f / static_cast<float>(areaRows * areaAlong(r.columns, ow)));
      const float* dy = r.dy + oh * rowStride + ow * r.dyStride;
      forLanes(r.channels, [&](int64_t c, auto lanes) STRIATE_BODY {
        lanes.store(dx + c, fma(lanes.load(dy + c), share, first ? Vec::zero() : lanes.load(dx + c)));
      });
      first = false;
    }
  }
  if (first) forLanes(r.channels, [&](int64_t c, auto lanes) STRIATE_BODY { lanes.store(dx + c, Vec::zero()); });
}

STRIATE_INLINE void gatherFew(const AvgPoolBackwardRow& r, int64_t begin, int64_t end, float* dx) {
  const int64_t rowStride = r.columns.out * r.dyStride;
  forLanes(r.channels, [&](int64_t c, auto lanes) STRIATE_BODY {
    Vec sum = Vec::zero();
    for (int64_t oh = 0; oh < r.rows; ++oh) {
      const int64_t areaRows = areaAlong(r.lines, r.firstRow + oh);
      for (int64_t ow = begin; ow < end; ++ow) {
        const Vec share = Vec::broadcast(1.0f / static_cast<float>(areaRows * areaAlong(r.columns, ow)));
        sum = fma(lanes.load(r.dy + oh * rowStride + ow * r.dyStride + c), share, sum);
      }
    }
    lanes.store(dx + c, sum);
  });
}

// Windows side by side: each gives all of its columns the same.
STRIATE_INLINE void spreadTiles(const AvgPoolBackwardRow& r) {
  const AvgPoolAxis& axis = r.columns;
  const int64_t areaRows = areaAlong(r.lines, r.firstRow);
  const bool overwrites = r.channels < Vec::width && r.dyStride == r.channels && r.dxStride == r.channels;
  int64_t covered = 0;
  for (int64_t ow = 0; ow < axis.out; ++ow) {
    const int64_t left = ow * axis.stride - axis.before;
    const int64_t end = least(left + axis.kernel, axis.size);
    const Vec share = Vec::broadcast(1.0f / static_cast<float>(areaRows * areaAlong(axis, ow)));
    const auto spread = [&](int64_t c, auto lanes) STRIATE_BODY {
      const Vec v = mul(lanes.load(r.dy + ow * r.dyStride + c), share);
      for (int64_t w = covered; w < end; ++w) lanes.store(r.dx + w * r.dxStride + c, v);
    };
    // Few channels as whole vectors, where what lies behind them is yet to be written.
    if (overwrites && (axis.out - ow) * r.channels >= Vec::width && (axis.size - end + 1) * r.channels >= Vec::width) {
      spread(0, AllLanes{});
    } else {
      forLanes(r.channels, spread);
    }
    covered = end;
  }
  forPixels(axis.size - covered, r.channels, [&](int64_t p, int64_t c, auto lanes) STRIATE_BODY {
    lanes.store(r.dx + (covered + p) * r.dxStride + c, Vec::zero());
  });
}

void avgPoolBackwardRow(const AvgPoolBackwardRow& r) {
  const AvgPoolAxis& axis = r.columns;
  if (r.rows == 1 && axis.kernel == axis.stride) return spreadTiles(r);
  int64_t begin = 0, end = 0;  // windows that hold column w
  for (int64_t w = 0; w < axis.size; ++w) {
    while (begin < axis.out && begin * axis.stride - axis.before + axis.kernel <= w) ++begin;
    while (end < axis.out && end * axis.stride - axis.before <= w) ++end;
    float* dx = r.dx + w * r.dxStride;
    if (r.channels <= 2 * Vec::width) {
      gatherFew(r, begin, end, dx);
    } else {
      gatherMany(r, begin, end, dx);
    }
  }
}

void avgPoolAddColumns(int64_t pixels, int64_t columns, const float* x, int64_t stride, float* sums) {
  addColumns(pixels, columns, x, stride, sums);
}

void avgPoolDivide(int64_t channels, const float* sums, float area, float* y) {
  const Vec areas = Vec::broadcast(area);
  forLanes(channels, [&](int64_t c, auto lanes) STRIATE_BODY { lanes.store(y + c, div(lanes.load(sums + c), areas)); });
}

}  // namespace
}  // namespace striate

#define STRIATE_AVG_POOL2D_KERNELS \
  { striate::avgPoolForwardRow, striate::avgPoolBackwardRow, striate::avgPoolAddColumns, striate::avgPoolDivide }
