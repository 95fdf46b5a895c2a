// The numbers of a two-dimensional convolution, read from an OpRequest and checked once for all three directions.
#pragma once
#include <cstdint>

#include "kernels/gemm/indirect.h"
#include "kernels/op.h"

namespace striate {

// Output pixel (i, j) and tap (a, b) meet at input pixel (i * strideH - padTop + a * dilationH, likewise for columns).
struct ConvGeometry {
  int64_t images = 0;  // capacity
  bool batched = false;
  int64_t h = 0, w = 0, channels = 0;   // input
  int64_t oh = 0, ow = 0, filters = 0;  // output
  int64_t kernelH = 0, kernelW = 0;
  int64_t strideH = 1, strideW = 1, padTop = 0, padBottom = 0, padLeft = 0, padRight = 0;
  int64_t dilationH = 1, dilationW = 1, groups = 1;
  int64_t inputPixel = 0, outputPixel = 0, filterPixel = 0;  // strides in elements
  int64_t liveImages(int64_t rows) const { return batched ? rows : images; }
  int64_t taps() const { return kernelH * kernelW; }
  int64_t groupChannels() const { return channels / groups; }
  int64_t groupFilters() const { return filters / groups; }
  bool pointwise() const {  // one tap on every pixel: a plain matrix product
    return kernelH == 1 && kernelW == 1 && strideH == 1 && strideW == 1 && oh == h && ow == w && padTop == 0 &&
           padLeft == 0;
  }
  bool depthwise() const { return groups == channels && channels > 1; }
  double flops() const {
    return 2.0 * static_cast<double>(images) * static_cast<double>(oh * ow) * static_cast<double>(taps()) *
           static_cast<double>(groupChannels()) * static_cast<double>(filters);
  }
};

// Positions of the attributes that all directions share; see lib/graph/opSchema.ts.
enum ConvAttribute : int {
  kStrideH,
  kStrideW,
  kPadTop,
  kPadBottom,
  kPadLeft,
  kPadRight,
  kDilationH,
  kDilationW,
  kGroups,
  kAfterGroups
};

struct ConvNames {
  const char* op;
  const char* input;   // "x" or "dx"
  const char* filter;  // "filter" or "dfilter"
  const char* output;  // "y" or "dy"
};

ConvGeometry readConvolution(const TensorDesc& input, const TensorDesc& filter, const TensorDesc& output,
                             const double* attributes);
// Refuses what readConvolution could not stand, and every disagreement of shapes.
Status verifyConvolution(const ConvNames& names, const TensorDesc& input, const TensorDesc& filter,
                         const TensorDesc& output, const double* attributes);
// The window of a sliding op over h x w that must give oh x ow: shared with im2col. `at` points at strideH.
struct Window {
  int64_t kernelH, kernelW, dilationH, dilationW;
};
Status verifyWindow(const char* op, const double* at, const Window& window, int64_t h, int64_t w, int64_t oh,
                    int64_t ow);

// Rows of the grid are output pixels, the source is the input.
IndirectProblem forwardProblem(const ConvGeometry& g);
// Rows of the grid are input pixels of one phase of the stride, the source is the output's gradient. Phases that no tap
// reaches are left out and counted in *untouched: their gradient is zero. False where there would be more than
// kMostPhases: the search for a task's phase is linear, so many occur only for kernels and strides of patches, and
// col2im is no worse there.
inline constexpr size_t kMostPhases = 256;
bool inputGradientProblems(const ConvGeometry& g, std::vector<IndirectProblem>* problems, int64_t* untouched);

}  // namespace striate
