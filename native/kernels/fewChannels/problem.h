// A convolution as the lanes kernels see it, in two of its three directions: forward, and the gradient of the input at
// stride 1, which is a convolution of dy with the filter turned by 180 degrees and its channels exchanged.
//
//   y[i, j, f] = act(sum over a, b, c of x[i * strideH + a * dilationH - padTop, j * strideW + b * dilationW - padLeft,
//   c]
//                * filter[tap(a, b)][c][f] + bias[f] + residual)
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/fewChannels/lanes.h"

namespace striate {

struct LanesProblem {
  int64_t images = 0;
  int64_t h = 0, w = 0, channels = 0, oh = 0, ow = 0, filters = 0;
  int64_t groups = 1;
  int64_t kernelH = 0, kernelW = 0, strideH = 1, strideW = 1, dilationH = 1, dilationW = 1;
  int64_t padTop = 0, padLeft = 0;  // what lies behind the image follows from the sizes
  int64_t xPixel = 0, yPixel = 0, residualPixel = 0;
  // filter[(turned ? taps - 1 - tap : tap) * filterTap + c * filterChannel + f * filterColumn]
  int64_t filterTap = 0, filterChannel = 0, filterColumn = 0;
  bool turned = false;
  int activation = kActivationNone;
  float slope = 0;

  int64_t terms() const { return kernelH * kernelW * channels; }
  int64_t reachH() const { return (kernelH - 1) * dilationH + 1; }
  int64_t reachW() const { return (kernelW - 1) * dilationW + 1; }
  double flopsPerRow() const { return 2.0 * static_cast<double>(ow * filters * terms()); }  // of one image
};

// Of the filter's gradient too, which sums over the same pairs: without the residual, which that op does not have.
LanesProblem lanesForward(const ConvRequest& request);
// Empty if the gradient of the input is such a problem; else why not.
std::string lanesBackwardInput(const ConvRequest& request, LanesProblem* problem);

// Why products of matrices do better, with `use` lanes taken per result here; empty if they do not. By vectors of avx2
// on avx512 too: first layers and products have tables of it as well, and so the same shapes get the same algorithms.
std::string lanesRefusal(const LanesProblem& problem, Isa isa, double use);

// Filters in groups of at most kLanesGroup, of nearly the same size: 8 = 4 + 4, 10 = 5 + 5, 13 = 5 + 4 + 4.
struct FilterGroup {
  int64_t first;
  int count;
};
std::vector<FilterGroup> filterGroups(int64_t filters);

// w of LanesTile, group after group: w[first * terms + k * count + f], times scale[f] if there is one.
void packLanesFilter(const LanesProblem& problem, const std::vector<FilterGroup>& groups, const float* filter,
                     const float* scale, float* packed);

struct LanesOperands {
  const float* x;
  const float* packed;
  const float* bias;      // or null
  const float* residual;  // or null
  float* y;
  int64_t images;  // live
  // What the tiles may do of the activation; the rest is finishLanesLine()'s.
  int activationInTile(const LanesProblem& p) const {
    return residual == nullptr && !isTranscendental(p.activation) ? p.activation : kActivationNone;
  }
};

// Residual and activation over the row of y that begins at pixel `first`, where the tiles could not.
void finishLanesLine(const LanesProblem& problem, const LanesKernels& kernels, const LanesOperands& operands,
                     int64_t first);

inline size_t lanesBytes(int64_t floats) { return (static_cast<size_t>(floats) * sizeof(float) + 63) & ~size_t{63}; }

// The set whose lanes are filled best: by images, where those of avx2 would be, else by the pixels of a row.
Isa lanesIsa(const LanesProblem& problem, Isa isa);
const LanesKernels& lanesKernels(Isa isa);
// "2x6": vectors by filters of the tile for six filters.
std::string tileName(const LanesKernels& kernels);

}  // namespace striate
