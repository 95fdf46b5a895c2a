#include "kernels/fewChannels/pixelLanes.h"

#include <cstring>
#include <utility>

#include "kernels/split.h"

namespace striate {
namespace {

constexpr double kSerialFlops = kSerialNanoseconds * kFlopsPerNanosecond;  // one task below it
constexpr double kTaskFlops = 2 * kTaskNanoseconds * kFlopsPerNanosecond;
constexpr int64_t kMostBandFloats = 128 << 10;  // half of L2
constexpr int64_t kBlockFloats = 3 << 10;       // of results: 12 KiB of L1

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

PixelLanes::PixelLanes(LanesProblem problem, Isa isa)
    : p_(std::move(problem)), kernels_(lanesKernels(isa)), groups_(filterGroups(p_.filters)) {
  rowVectors_ = ceilDiv(p_.ow, kernels_.lanes);
  const int64_t read = rowVectors_ * kernels_.lanes + (p_.reachW() - 1) / p_.strideW;
  planeWidth_ = std::max(read, ceilDiv(p_.padLeft + p_.w, p_.strideW));
  lineFloats_ = p_.channels * p_.strideW * planeWidth_;
  for (int64_t a = 0; a < p_.kernelH; ++a) {
    for (int64_t b = 0; b < p_.kernelW; ++b) {
      const int64_t column = b * p_.dilationW;
      for (int64_t c = 0; c < p_.channels; ++c) {
        offsets_.push_back(a * p_.dilationH * lineFloats_ + (column % p_.strideW * p_.channels + c) * planeWidth_ +
                           column / p_.strideW);
      }
    }
  }
  const double flops = p_.flopsPerRow() * static_cast<double>(p_.oh);
  const double perTask = flops * static_cast<double>(p_.images) < kSerialFlops ? flops : kTaskFlops;
  int64_t rows = static_cast<int64_t>(std::min(static_cast<double>(p_.oh), perTask / p_.flopsPerRow() + 1));
  const int64_t fit = (kMostBandFloats / lineFloats_ - p_.reachH()) / p_.strideH + 1;
  rows = std::clamp<int64_t>(std::min(rows, fit), 1, p_.oh);
  bandRows_ = ceilDiv(p_.oh, ceilDiv(p_.oh, rows));
  bands_ = ceilDiv(p_.oh, bandRows_);
  blockRows_ = std::clamp<int64_t>(kBlockFloats / (rowVectors_ * kernels_.lanes * p_.filters), 1, bandRows_);
}

size_t PixelLanes::slotBytes() const {
  return lanesBytes(sourceRows(bandRows_) * lineFloats_) +
         lanesBytes(blockRows_ * rowVectors_ * p_.filters * kernels_.lanes);
}

void PixelLanes::loadLine(const LanesOperands& operands, int64_t image, int64_t line, float* to) const {
  std::memset(to, 0, static_cast<size_t>(lineFloats_) * sizeof(float));
  if (line < 0 || line >= p_.h) return;
  const float* x = operands.x + (image * p_.h + line) * p_.w * p_.xPixel;
  const int64_t stride = p_.strideW;
  if (stride == 1) {
    kernels_.planesOf(x, p_.xPixel, p_.channels, p_.w, to + p_.padLeft, planeWidth_);
    return;
  }
  // As many neighbours as the stride are one pixel of so many more channels; what is left at both ends goes one by one.
  const int64_t lead = std::min(p_.w, (stride - p_.padLeft % stride) % stride);
  const int64_t groups = p_.xPixel == p_.channels ? (p_.w - lead) / stride : 0;
  kernels_.planesOf(x + lead * p_.xPixel, stride * p_.channels, stride * p_.channels, groups,
                    to + (p_.padLeft + lead) / stride, planeWidth_);
  for (int64_t j = 0; j < p_.w; ++j) {
    if (j == lead) j += groups * stride;
    const int64_t column = p_.padLeft + j;
    if (j >= p_.w) break;
    for (int64_t c = 0; c < p_.channels; ++c)
      to[(column % stride * p_.channels + c) * planeWidth_ + column / stride] = x[j * p_.xPixel + c];
  }
}

void PixelLanes::storeLine(const LanesOperands& operands, int64_t image, int64_t row, const float* from) const {
  const int64_t first = (image * p_.oh + row) * p_.ow;
  kernels_.pixelsOf(from, p_.filters, p_.ow, operands.y + first * p_.yPixel, p_.yPixel);
  finishLanesLine(p_, kernels_, operands, first);
}

void PixelLanes::runTask(const LanesOperands& operands, int64_t task, std::byte* scratch) const {
  const int64_t lanes = kernels_.lanes, image = task / bands_, firstRow = task % bands_ * bandRows_;
  const int64_t rows = std::min(bandRows_, p_.oh - firstRow);
  float* lines = reinterpret_cast<float*>(scratch);
  float* out = reinterpret_cast<float*>(scratch + lanesBytes(sourceRows(bandRows_) * lineFloats_));

  LanesTile tile;
  tile.offsets = offsets_.data();
  tile.terms = p_.terms();
  tile.activation = operands.activationInTile(p_);
  tile.slope = p_.slope;
  const int64_t rowFloats = rowVectors_ * p_.filters * lanes;
  int64_t loaded = 0;
  for (int64_t r = 0; r < rows; r += blockRows_) {
    const int64_t count = std::min(blockRows_, rows - r);
    for (; loaded < sourceRows(r + count); ++loaded) {
      loadLine(operands, image, firstRow * p_.strideH - p_.padTop + loaded, lines + loaded * lineFloats_);
    }
    for (const FilterGroup& group : groups_) {
      const int depth = kernels_.depth[group.count - 1];
      tile.w = operands.packed + group.first * p_.terms();
      tile.bias = operands.bias == nullptr ? nullptr : operands.bias + group.first;
      int n = 0;
      for (int64_t i = 0; i < count; ++i) {
        const float* x = lines + (r + i) * p_.strideH * lineFloats_;
        float* y = out + i * rowFloats + group.first * lanes;
        for (int64_t v = 0; v < rowVectors_; ++v, x += lanes, y += p_.filters * lanes) {
          tile.x[n] = x;
          tile.y[n] = y;
          if (++n == depth) {
            kernels_.tile[group.count - 1][depth - 1](tile);
            n = 0;
          }
        }
      }
      if (n > 0) kernels_.tile[group.count - 1][n - 1](tile);
    }
    for (int64_t i = 0; i < count; ++i) storeLine(operands, image, firstRow + r + i, out + i * rowFloats);
  }
}

}  // namespace striate
