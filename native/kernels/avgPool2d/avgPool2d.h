// avgPool2d and its backward op: lib/graph/opSchema.ts.
//
//   forward    y[oh,ow,c] = (sum over the window of (oh,ow), clipped to the image, of x[h,w,c]) / area(oh,ow)
//   backward   dx[h,w,c] = sum over the windows that hold (h,w) of dy[oh,ow,c] / area(oh,ow)
//
// area is rows * columns of the window clipped to the image, or, with the padding counted, clipped to the declared
// padding (a window may overhang that where its number was rounded up). Pixels are `channels` contiguous floats at any
// alignment, `stride` elements apart. Every window holds at least one pixel of the image. Nothing overlaps.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

// One axis of the windows.
struct AvgPoolAxis {
  int64_t size, out, kernel, stride, before;
  int64_t first;  // where area begins to count: 0, or -before
  int64_t last;   // and where it ends: size, or size + after
};

struct AvgPoolForwardRow {  // one row of windows of one image
  const float* x;           // first image row under the windows
  int64_t rows;             // image rows under the windows
  int64_t areaRows;         // rows that count in area
  int64_t xStride, channels;
  AvgPoolAxis columns;
  float* y;
  int64_t yStride;
};

struct AvgPoolBackwardRow {  // one row of one image
  const float* dy;           // first output row whose windows hold the image row
  int64_t firstRow, rows;    // number of that row, and how many follow each other; rows may be 0
  int64_t dyStride, channels;
  AvgPoolAxis lines, columns;
  float* dx;
  int64_t dxStride;
};

struct AvgPool2dKernels {
  void (*forwardRow)(const AvgPoolForwardRow& row);
  void (*backwardRow)(const AvgPoolBackwardRow& row);
  // A window as large as the image: sums[c] += sum over p of x[p,c], and y[c] = sums[c] / area.
  void (*addColumns)(int64_t pixels, int64_t columns, const float* x, int64_t stride, float* sums);
  void (*divide)(int64_t channels, const float* sums, float area, float* y);
};

extern const AvgPool2dKernels kAvgPool2dSse2;
extern const AvgPool2dKernels kAvgPool2dAvx2;
extern const AvgPool2dKernels kAvgPool2dNeon;

}  // namespace striate
