#include "kernels/fewChannels/imageLanes.h"

#include <cstring>
#include <utility>

#include "kernels/split.h"

namespace striate {
namespace {

constexpr double kTaskFlops = 2 * kTaskNanoseconds * kFlopsPerNanosecond;
constexpr int64_t kMostBandFloats = 128 << 10;  // half of L2

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

void interleaveLine(const LanesKernels& kernels, const LineOfImages& line, float* to) {
  const float* rows[kMostLanes];
  for (int l = 0; l < line.count; ++l) rows[l] = line.first + l * line.imageStride;
  if (line.pixel == line.channels) {
    kernels.interleave(rows, line.count, line.width * line.channels, to);
    return;
  }
  for (int64_t j = 0; j < line.width; ++j, to += line.channels * kernels.lanes) {
    kernels.interleave(rows, line.count, line.channels, to);
    for (int l = 0; l < line.count; ++l) rows[l] += line.pixel;
  }
}

ImageLanes::ImageLanes(LanesProblem problem, Isa isa)
    : p_(std::move(problem)), kernels_(lanesKernels(isa)), groups_(filterGroups(p_.filters)) {
  lineWidth_ = std::max(p_.padLeft + p_.w, (p_.ow - 1) * p_.strideW + p_.reachW());
  const int64_t lineFloats = lineWidth_ * p_.channels * kernels_.lanes;
  for (int64_t a = 0; a < p_.kernelH; ++a) {
    for (int64_t b = 0; b < p_.kernelW; ++b) {
      for (int64_t c = 0; c < p_.channels; ++c)
        offsets_.push_back(a * p_.dilationH * lineFloats + (b * p_.dilationW * p_.channels + c) * kernels_.lanes);
    }
  }
  const double rowFlops = p_.flopsPerRow() * static_cast<double>(kernels_.lanes);
  int64_t rows = static_cast<int64_t>(std::min(static_cast<double>(p_.oh), kTaskFlops / rowFlops + 1));
  const int64_t fit = (kMostBandFloats / lineFloats - p_.reachH()) / p_.strideH + 1;
  rows = std::clamp<int64_t>(std::min(rows, fit), 1, p_.oh);
  bands_ = ceilDiv(p_.oh, rows);
  bandRows_ = ceilDiv(p_.oh, bands_);
  bands_ = ceilDiv(p_.oh, bandRows_);
}

size_t ImageLanes::slotBytes() const {
  return lanesBytes(sourceRows(bandRows_) * lineWidth_ * p_.channels * kernels_.lanes) +
         lanesBytes(p_.ow * p_.filters * kernels_.lanes);
}

void ImageLanes::loadLine(const LanesOperands& operands, int64_t image, int count, int64_t line, float* to) const {
  const int64_t pixel = p_.channels * kernels_.lanes;
  if (line < 0 || line >= p_.h) {
    std::memset(to, 0, static_cast<size_t>(lineWidth_ * pixel) * sizeof(float));
    return;
  }
  std::memset(to, 0, static_cast<size_t>(p_.padLeft * pixel) * sizeof(float));
  to += p_.padLeft * pixel;
  interleaveLine(kernels_,
                 {operands.x + (image * p_.h + line) * p_.w * p_.xPixel, p_.h * p_.w * p_.xPixel, count, p_.w,
                  p_.channels, p_.xPixel},
                 to);
  std::memset(to + p_.w * pixel, 0, static_cast<size_t>((lineWidth_ - p_.padLeft - p_.w) * pixel) * sizeof(float));
}

void ImageLanes::storeLine(const LanesOperands& operands, int64_t image, int count, int64_t row,
                           const float* from) const {
  float* rows[kMostLanes];
  const int64_t first = (image * p_.oh + row) * p_.ow, next = p_.oh * p_.ow;
  for (int l = 0; l < count; ++l) rows[l] = operands.y + (first + l * next) * p_.yPixel;
  if (p_.yPixel == p_.filters) {
    kernels_.deinterleave(from, rows, count, p_.ow * p_.filters);
  } else {
    for (int64_t j = 0; j < p_.ow; ++j) {
      kernels_.deinterleave(from + j * p_.filters * kernels_.lanes, rows, count, p_.filters);
      for (int l = 0; l < count; ++l) rows[l] += p_.yPixel;
    }
  }
  for (int l = 0; l < count; ++l) finishLanesLine(p_, kernels_, operands, first + l * next);
}

void ImageLanes::runTask(const LanesOperands& operands, int64_t task, std::byte* scratch) const {
  const int64_t lanes = kernels_.lanes;
  const int64_t image = task / bands_ * lanes, firstRow = task % bands_ * bandRows_;
  const int64_t rows = std::min(bandRows_, p_.oh - firstRow);
  const int count = static_cast<int>(std::min(lanes, operands.images - image));
  const int64_t lineFloats = lineWidth_ * p_.channels * lanes;
  float* lines = reinterpret_cast<float*>(scratch);
  float* out = reinterpret_cast<float*>(scratch + lanesBytes(sourceRows(bandRows_) * lineFloats));

  LanesTile tile;
  tile.offsets = offsets_.data();
  tile.terms = p_.terms();
  tile.activation = operands.activationInTile(p_);
  tile.slope = p_.slope;
  const int64_t step = p_.strideW * p_.channels * lanes, outStep = p_.filters * lanes;
  int64_t loaded = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (; loaded < sourceRows(r + 1); ++loaded) {
      loadLine(operands, image, count, firstRow * p_.strideH - p_.padTop + loaded, lines + loaded * lineFloats);
    }
    for (const FilterGroup& group : groups_) {
      const int depth = kernels_.depth[group.count - 1];
      tile.w = operands.packed + group.first * p_.terms();
      tile.bias = operands.bias == nullptr ? nullptr : operands.bias + group.first;
      const float* x = lines + r * p_.strideH * lineFloats;
      float* y = out + group.first * lanes;
      for (int64_t j = 0; j < p_.ow; j += depth) {
        const int n = static_cast<int>(std::min<int64_t>(depth, p_.ow - j));
        for (int p = 0; p < n; ++p, x += step, y += outStep) {
          tile.x[p] = x;
          tile.y[p] = y;
        }
        kernels_.tile[group.count - 1][n - 1](tile);
      }
    }
    storeLine(operands, image, count, firstRow + r, out);
  }
}

}  // namespace striate
