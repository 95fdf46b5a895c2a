#include <algorithm>

#include "kernels/gemm/indirect.h"

namespace striate {
namespace {

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

void fillSourceRows(const IndirectProblem& problem, int64_t firstTap, int64_t taps, int64_t first, int64_t count,
                    const float* source, int64_t pixel, const float* zeros, const float** rows, int64_t rowStride) {
  if (problem.flat()) {
    source += first * pixel;
    for (int64_t m = 0; m < count; ++m, source += pixel) rows[m] = source;
    return;
  }
  const int64_t gridPixels = problem.gridH * problem.gridW;
  for (int64_t m = 0; m < count;) {  // one run of neighbours in a row of the grid at a time
    const int64_t image = (first + m) / gridPixels;
    const int64_t i = (first + m) % gridPixels / problem.gridW;
    const int64_t j = (first + m) % problem.gridW;
    const int64_t run = std::min(problem.gridW - j, count - m);
    for (int64_t t = 0; t < taps; ++t) {
      const Tap& tap = problem.taps[static_cast<size_t>(firstTap + t)];
      const float** to = rows + t * rowStride + m;
      const int64_t h = i * problem.sourceStepH + tap.h;
      if (h < 0 || h >= problem.sourceH) {
        for (int64_t q = 0; q < run; ++q) to[q] = zeros;
        continue;
      }
      // Zeros on the left, an even run inside, zeros on the right: the bounds once, then one addition per pointer.
      const int64_t step = problem.sourceStepW;
      const int64_t w = j * step + tap.w;
      const int64_t before = w >= 0 ? 0 : std::min(run, ceilDiv(-w, step));
      const int64_t inside = w >= problem.sourceW ? 0 : std::min(run, ceilDiv(problem.sourceW - w, step));
      const float* pointer = source + ((image * problem.sourceH + h) * problem.sourceW + w + before * step) * pixel;
      int64_t q = 0;
      for (; q < before; ++q) to[q] = zeros;
      for (; q < inside; ++q, pointer += step * pixel) to[q] = pointer;
      for (; q < run; ++q) to[q] = zeros;
    }
    m += run;
  }
}

void fillTargetRows(const IndirectProblem& problem, int64_t first, int64_t count, float* target, int64_t pixelStride,
                    float** rows) {
  const int64_t gridPixels = problem.gridH * problem.gridW;
  for (int64_t m = 0; m < count;) {
    const int64_t image = (first + m) / gridPixels;
    const int64_t i = (first + m) % gridPixels / problem.gridW;
    const int64_t j = (first + m) % problem.gridW;
    // With a flat problem every image is one pixel of one long line.
    const int64_t run = problem.flat() ? count : std::min(problem.gridW - j, count - m);
    const int64_t step = (problem.flat() ? 1 : problem.targetStepW) * pixelStride;
    const int64_t pixel = (image * problem.targetH + i * problem.targetStepH + problem.targetH0) * problem.targetW +
                          j * problem.targetStepW + problem.targetW0;
    float* to = target + pixel * pixelStride;
    for (int64_t q = 0; q < run; ++q, to += step) rows[m + q] = to;
    m += run;
  }
}

}  // namespace striate
