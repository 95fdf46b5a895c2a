// Templates of the average pooling kernels over the vector type of the ISA file that includes this.
#pragma once
#include "kernels/avgPool2d/avgPool2d.h"
#include "simd/columns.h"

namespace striate {
namespace {

STRIATE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
STRIATE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// How much of window `out` counts along an axis.
STRIATE_INLINE int64_t areaAlong(const AvgPoolAxis& axis, int64_t out) {
  const int64_t begin = out * axis.stride - axis.before;
  return least(begin + axis.kernel, axis.last) - most(begin, axis.first);
}

void avgPoolForwardRow(const AvgPoolForwardRow& r) {
  const AvgPoolAxis& axis = r.columns;
  const int64_t rowStride = axis.size * r.xStride;
  for (int64_t ow = 0; ow < axis.out; ++ow) {
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

void avgPoolBackwardRow(const AvgPoolBackwardRow& r) {
  const AvgPoolAxis& axis = r.columns;
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
