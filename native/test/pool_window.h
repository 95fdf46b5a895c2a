// Windows for the pooling tests: every option of the schema, odd sizes, and the counts of "floor" and "ceil".
#pragma once
#include <algorithm>
#include <vector>

#include "test/op_fixture.h"

namespace striate::test {

struct Window {
  int64_t height, width, kernelH, kernelW, strideH, strideW, top, bottom, left, right;
  bool ceil = false;

  // PyTorch's rule: rounded up, unless the last window would begin in the trailing padding.
  static int64_t count(int64_t size, int64_t kernel, int64_t stride, int64_t before, int64_t after, bool ceil) {
    const int64_t span = size + before + after - kernel;
    int64_t last = span / stride + (ceil && span % stride != 0 ? 1 : 0);
    if (ceil && last * stride >= size + before) --last;
    return last + 1;
  }
  int64_t outHeight() const { return count(height, kernelH, strideH, top, bottom, ceil); }
  int64_t outWidth() const { return count(width, kernelW, strideW, left, right, ceil); }
  std::vector<double> attributes() const {
    std::vector<double> values;
    for (const int64_t v : {kernelH, kernelW, strideH, strideW, top, bottom, left, right}) values.push_back(double(v));
    return values;
  }
  // The window of (oh, ow), not clipped.
  struct Place {
    int64_t top, bottom, left, right;
  };
  Place at(int64_t oh, int64_t ow) const {
    const int64_t t = oh * strideH - top, l = ow * strideW - left;
    return {t, t + kernelH, l, l + kernelW};
  }
  Place clipped(int64_t oh, int64_t ow) const {
    const Place p = at(oh, ow);
    return {std::max<int64_t>(p.top, 0), std::min(p.bottom, height), std::max<int64_t>(p.left, 0),
            std::min(p.right, width)};
  }
};

inline const std::vector<Window>& testWindows() {
  static const std::vector<Window> windows = {
      {4, 6, 2, 2, 2, 2, 0, 0, 0, 0},        // tiles
      {5, 7, 2, 2, 2, 2, 0, 0, 0, 0},        // floor: a row and a column belong to no window
      {5, 7, 2, 2, 2, 2, 0, 0, 0, 0, true},  // ceil: windows overhang
      {7, 6, 3, 3, 2, 2, 1, 1, 1, 1},        // overlap and padding, ResNet's
      {7, 8, 3, 3, 2, 2, 0, 0, 0, 0, true},  // overlap and overhang
      {6, 5, 3, 2, 1, 3, 1, 0, 0, 1},        // asymmetric padding
      {5, 6, 1, 1, 2, 3, 0, 0, 0, 0},        // gaps between windows
      {6, 9, 2, 4, 3, 5, 0, 0, 1, 0, true},  // gaps and overhang
      {3, 4, 3, 4, 1, 1, 0, 0, 0, 0},        // global
      {3, 4, 5, 7, 1, 1, 1, 1, 2, 1},        // a window larger than the image, padded
      {2, 3, 2, 3, 2, 3, 1, 1, 1, 2},        // every window is clipped
      {9, 1, 4, 1, 4, 1, 3, 2, 0, 0, true},  // a column
      // Wide enough for tiles of four windows, with and without a rest.
      {6, 8, 2, 2, 2, 2, 0, 0, 0, 0},
      {5, 15, 2, 2, 2, 2, 1, 0, 1, 0, true},
      {5, 19, 3, 3, 2, 2, 1, 1, 1, 1},
      {6, 12, 3, 3, 1, 1, 1, 1, 1, 1},
      {7, 11, 3, 3, 2, 2, 0, 0, 0, 0, true},
      {7, 23, 4, 5, 3, 2, 1, 1, 1, 1},
      {4, 14, 3, 3, 3, 3, 0, 0, 0, 0, true},
  };
  return windows;
}

}  // namespace striate::test
