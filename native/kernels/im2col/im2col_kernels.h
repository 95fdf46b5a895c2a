// gatherLine and scatterLine over the Vec of the vec_<isa>.h included before. Where x is dense and not dilated, the
// taps of a kernel row are one contiguous run of up to kernelW * channels floats, so even one channel fills vectors.
#pragma once
#include "kernels/im2col/im2col.h"

namespace striate {
namespace {

STRIATE_INLINE void copyFloats(float* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + Vec::width <= n; i += Vec::width) Vec::load(from + i).store(to + i);
  if (i < n) Vec::loadPartial(from + i, static_cast<int>(n - i)).storePartial(to + i, static_cast<int>(n - i));
}
STRIATE_INLINE void addFloats(float* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + Vec::width <= n; i += Vec::width) add(Vec::load(to + i), Vec::load(from + i)).store(to + i);
  if (i < n) {
    const int left = static_cast<int>(n - i);
    add(Vec::loadPartial(to + i, left), Vec::loadPartial(from + i, left)).storePartial(to + i, left);
  }
}
STRIATE_INLINE void zeroFloats(float* to, int64_t n) {
  int64_t i = 0;
  for (; i + Vec::width <= n; i += Vec::width) Vec::zero().store(to + i);
  if (i < n) Vec::zero().storePartial(to + i, static_cast<int>(n - i));
}

// Taps first .. last of a kernel row whose column w0 + b * dilationW lies in [0, w).
struct TapRange {
  int64_t first, last;
};
STRIATE_INLINE TapRange tapsInside(const SlidingWindow& s, int64_t w0) {
  int64_t first = w0 >= 0 ? 0 : (-w0 + s.dilationW - 1) / s.dilationW;
  int64_t last = w0 >= s.w ? 0 : (s.w - 1 - w0) / s.dilationW + 1;
  if (first > s.kernelW) first = s.kernelW;
  if (last > s.kernelW) last = s.kernelW;
  return {first, last < first ? first : last};
}

void gatherLine(const SlidingWindow& s, const float* image, int64_t i, float* columns) {
  const bool contiguous = s.pixel == s.channels && s.dilationW == 1;
  const int64_t rowFloats = s.kernelW * s.channels;
  for (int64_t j = 0; j < s.ow; ++j, columns += s.columnsPixel) {
    const int64_t w0 = j * s.strideW - s.padLeft;
    const TapRange inside = tapsInside(s, w0);
    float* to = columns;
    for (int64_t a = 0; a < s.kernelH; ++a, to += rowFloats) {
      const int64_t h = i * s.strideH - s.padTop + a * s.dilationH;
      if (h < 0 || h >= s.h || inside.first == inside.last) {
        zeroFloats(to, rowFloats);
        continue;
      }
      const float* from = image + (h * s.w + w0 + inside.first * s.dilationW) * s.pixel;
      zeroFloats(to, inside.first * s.channels);
      float* target = to + inside.first * s.channels;
      if (contiguous) {
        copyFloats(target, from, (inside.last - inside.first) * s.channels);
      } else {
        for (int64_t b = inside.first; b < inside.last; ++b, target += s.channels, from += s.dilationW * s.pixel) {
          copyFloats(target, from, s.channels);
        }
      }
      zeroFloats(to + inside.last * s.channels, (s.kernelW - inside.last) * s.channels);
    }
  }
}

// Output lines in the order of the kernel's rows, pixels from left to right: a fixed order of additions.
void scatterLine(const SlidingWindow& s, const float* columns, int64_t line, float* x) {
  const bool contiguous = s.pixel == s.channels && s.dilationW == 1;
  for (int64_t w = 0; w < s.w; ++w) zeroFloats(x + w * s.pixel, s.channels);
  for (int64_t a = 0; a < s.kernelH; ++a) {
    const int64_t distance = line + s.padTop - a * s.dilationH;
    if (distance < 0 || distance % s.strideH != 0 || distance / s.strideH >= s.oh) continue;
    const float* row = columns + distance / s.strideH * s.ow * s.columnsPixel + a * s.kernelW * s.channels;
    for (int64_t j = 0; j < s.ow; ++j, row += s.columnsPixel) {
      const int64_t w0 = j * s.strideW - s.padLeft;
      const TapRange inside = tapsInside(s, w0);
      if (inside.first == inside.last) continue;
      const float* from = row + inside.first * s.channels;
      float* to = x + (w0 + inside.first * s.dilationW) * s.pixel;
      if (contiguous) {
        addFloats(to, from, (inside.last - inside.first) * s.channels);
      } else {
        for (int64_t b = inside.first; b < inside.last; ++b, from += s.channels, to += s.dilationW * s.pixel) {
          addFloats(to, from, s.channels);
        }
      }
    }
  }
}

}  // namespace
}  // namespace striate
