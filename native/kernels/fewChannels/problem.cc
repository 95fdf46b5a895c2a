#include "kernels/fewChannels/problem.h"

#include "kernels/plan.h"

namespace striate {

namespace {

constexpr int64_t kMostLanesFilters = 16;
constexpr int64_t kMostTerms = 4096;  // whose filter stays in L2
constexpr double kNarrowPanel = 1.3;  // measured: the 8x8 tile at 60 to 80 GFLOP/s, this one at 85 to 105

}  // namespace

Isa lanesIsa(const LanesProblem& p, Isa isa) {
  constexpr int64_t kLeastImages = 6;
  return isaOfChannels(isa, p.images >= kLeastImages ? p.images : p.ow);
}

const LanesKernels& lanesKernels(Isa isa) { return STRIATE_KERNELS_TO_AVX512(isa, kLanes); }

std::string tileName(const LanesKernels& kernels) {
  return message::join(kernels.depth[kLanesGroup - 1], "x", kLanesGroup);
}

LanesProblem lanesForward(const ConvRequest& request) {
  const ConvGeometry& g = request.geometry;
  LanesProblem p;
  p.images = g.images;
  p.h = g.h;
  p.w = g.w;
  p.channels = g.channels;
  p.oh = g.oh;
  p.ow = g.ow;
  p.filters = g.filters;
  p.groups = g.groups;
  p.kernelH = g.kernelH;
  p.kernelW = g.kernelW;
  p.strideH = g.strideH;
  p.strideW = g.strideW;
  p.dilationH = g.dilationH;
  p.dilationW = g.dilationW;
  p.padTop = g.padTop;
  p.padLeft = g.padLeft;
  p.xPixel = g.inputPixel;
  p.yPixel = g.outputPixel;
  p.filterTap = g.channels * g.filterPixel;
  p.filterChannel = g.filterPixel;
  p.filterColumn = 1;
  p.activation = request.activation;
  p.slope = request.slope;
  return p;
}

std::string lanesBackwardInput(const ConvRequest& request, LanesProblem* problem) {
  const ConvGeometry& g = request.geometry;
  if (g.strideH != 1 || g.strideW != 1) return "has a stride";
  LanesProblem p;
  p.images = g.images;
  p.h = g.oh;
  p.w = g.ow;
  p.channels = g.filters;
  p.oh = g.h;
  p.ow = g.w;
  p.filters = g.channels;
  p.groups = g.groups;
  p.kernelH = g.kernelH;
  p.kernelW = g.kernelW;
  p.dilationH = g.dilationH;
  p.dilationW = g.dilationW;
  // Input (i, j) meets dy at i + padTop - a * dilation: with the taps turned, i + (a - last) * dilation + padTop.
  p.padTop = p.reachH() - 1 - g.padTop;
  p.padLeft = p.reachW() - 1 - g.padLeft;
  if (p.padTop < 0 || p.padLeft < 0) return "padding is wider than the kernel";
  p.xPixel = g.outputPixel;
  p.yPixel = g.inputPixel;
  p.filterTap = g.channels * g.filterPixel;
  p.filterChannel = 1;
  p.filterColumn = g.filterPixel;
  p.turned = true;
  *problem = p;
  return {};
}

std::string lanesRefusal(const LanesProblem& p, Isa isa, double use) {
  const int64_t lanes = lanesKernels(tableIsa(isa)).lanes;
  if (p.groups != 1) return message::join(p.groups, " groups");
  if (p.filters > kMostLanesFilters) return message::join(p.filters, " filters, more than ", kMostLanesFilters);
  if (p.terms() > kMostTerms) return message::join("sums of ", p.terms(), " terms, more than ", kMostTerms);
  if (p.padLeft > 4 * p.w + 16) return message::join("padding of ", p.padLeft, " pixels on a width of ", p.w);
  // A panel of filters fills its lanes with zeros; one of a single vector makes 9 loads for 8 multiply-adds as well.
  const int64_t panels = (p.filters + lanes - 1) / lanes * lanes;
  const double columns = static_cast<double>(panels) * (panels == lanes ? kNarrowPanel : 1.0);
  if (static_cast<double>(p.filters) * use < columns) return {};
  return message::join(p.filters, " filters fill vectors better than ", p.ow, " pixels of ", p.images, " images");
}

std::vector<FilterGroup> filterGroups(int64_t filters) {
  std::vector<FilterGroup> groups;
  const int64_t count = (filters + kLanesGroup - 1) / kLanesGroup;
  for (int64_t i = 0, first = 0; i < count; ++i) {
    const int64_t size = filters / count + (i < filters % count ? 1 : 0);
    groups.push_back({first, static_cast<int>(size)});
    first += size;
  }
  return groups;
}

void packLanesFilter(const LanesProblem& p, const std::vector<FilterGroup>& groups, const float* filter,
                     const float* scale, float* packed) {
  const int64_t taps = p.kernelH * p.kernelW;
  for (const FilterGroup& group : groups) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < p.channels; ++c) {
        const float* from = filter + (p.turned ? taps - 1 - tap : tap) * p.filterTap + c * p.filterChannel +
                            group.first * p.filterColumn;
        for (int f = 0; f < group.count; ++f)
          *packed++ = from[f * p.filterColumn] * (scale == nullptr ? 1.0f : scale[group.first + f]);
      }
    }
  }
}

void finishLanesLine(const LanesProblem& p, const LanesKernels& kernels, const LanesOperands& operands, int64_t first) {
  if (operands.activationInTile(p) == p.activation && operands.residual == nullptr) return;
  const bool dense = p.yPixel == p.filters && (operands.residual == nullptr || p.residualPixel == p.filters);
  const int64_t pixels = dense ? 1 : p.ow, width = dense ? p.ow * p.filters : p.filters;
  for (int64_t j = first; j < first + pixels; ++j) {
    const float* residual = operands.residual == nullptr ? nullptr : operands.residual + j * p.residualPixel;
    kernels.finish(operands.y + j * p.yPixel, residual, width, p.activation, p.slope);
  }
}

}  // namespace striate
