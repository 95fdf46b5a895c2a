#include "kernels/gemm/overPixels.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace striate {
namespace {

// Measured on Zen 4, avx2, one thread: 85 to 95 % of the FMA peak on ResNet's 3x3 layers, 65 to 85 % on 1x1 layers with
// few pixels, where writing the filter's gradient is the limit. Tried: blocks of 128 and 512 rows (3 % less, 5 % more
// or less by shape), 4 units per task (packing b costs 3 % more).
constexpr int64_t kBlockFloats = 96 << 10;       // of source and b in one block: 384 KiB of L2
constexpr int64_t kLeastBlock = 64;              // a tile of C is read and written once per block: 12 of 400 cycles
constexpr int64_t kMostBlock = 256;              // a panel of b in one block stays in L1: 16 KiB
constexpr int64_t kUnitsPerTask = 8;             // so that packing b stays below a few percent of a task
constexpr int64_t kMostPartialFloats = 8 << 20;  // 32 MiB of partial sums
constexpr double kTaskFlops = 2.5e6;
constexpr double kMostTasks = 64;
constexpr int64_t kMostChunks = 16;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }
size_t align64(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

}  // namespace

OverPixelsGemm::OverPixelsGemm(OverPixelsSpec spec) : spec_(std::move(spec)) {
  const GemmKernels& kernels = *spec_.kernels;
  panelWidth_ = spec_.columns <= kernels.lanes ? kernels.lanes : 2 * kernels.lanes;
  unitChannels_ = std::lcm(kernels.narrowPixelRows, kernels.wideRows);
  unitsPerTap_ = ceilDiv(spec_.channels, unitChannels_);
  const int64_t units = spec_.groups * static_cast<int64_t>(spec_.problem.taps.size()) * unitsPerTap_;
  const int64_t rows = spec_.images * spec_.problem.gridH * spec_.problem.gridW;
  blockRows_ = std::clamp<int64_t>(kBlockFloats / (spec_.channels + spec_.columns), kLeastBlock, kMostBlock);

  const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(targetRows()) *
                       static_cast<double>(spec_.columns * spec_.groups);
  const double wanted = flops < 2 * kTaskFlops ? 1.0 : std::min(kMostTasks, flops / kTaskFlops);
  const double areas = std::clamp(wanted, 1.0, static_cast<double>(std::max<int64_t>(1, units / kUnitsPerTask)));
  unitsPerTask_ = ceilDiv(units, static_cast<int64_t>(areas));
  const double splits = wanted / static_cast<double>(ceilDiv(units, unitsPerTask_));
  int64_t chunks = std::clamp<int64_t>(static_cast<int64_t>(splits), 1, kMostChunks);
  chunks = std::min(chunks, std::max<int64_t>(1, rows / (2 * blockRows_)));
  chunks = std::min(chunks, std::max<int64_t>(1, kMostPartialFloats / (targetRows() * spec_.columns * spec_.groups)));
  chunkRows_ = chunks == 1 ? rows : roundUp(ceilDiv(rows, chunks), blockRows_);
  chunks_ = ceilDiv(rows, chunkRows_);
}

size_t OverPixelsGemm::zeroBytes() const {
  return align64(static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
}

size_t OverPixelsGemm::slotBytes() const {
  const size_t packed = static_cast<size_t>(roundUp(spec_.columns, spec_.kernels->lanes) * blockRows_) * sizeof(float);
  return align64(static_cast<size_t>(blockRows_) * sizeof(void*)) + align64(packed);
}

size_t OverPixelsGemm::partialFloats() const {
  return static_cast<size_t>(roundUp(targetRows() * spec_.columns * spec_.groups, 16));
}

size_t OverPixelsGemm::scratchBytes() const {
  const size_t partial = chunks_ == 1 ? 0 : partialFloats() * sizeof(float) * static_cast<size_t>(chunks_);
  return zeroBytes() + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots()) + partial;
}

void OverPixelsGemm::packBlock(const OverPixelsOperands& operands, int64_t group, int64_t row, int64_t count,
                               float* packed) const {
  const int64_t lanes = spec_.kernels->lanes;
  for (int64_t column = 0; column < spec_.columns; column += panelWidth_) {
    const int64_t columns = std::min(panelWidth_, spec_.columns - column);
    const int64_t width = columns <= lanes ? lanes : 2 * lanes;
    const int64_t first = group * spec_.columns + column;
    const float* from =
        spec_.bTransposed ? operands.b + first * spec_.bPixel + row : operands.b + row * spec_.bPixel + first;
    const auto pack = spec_.bTransposed ? spec_.kernels->packTransposed : spec_.kernels->packRows;
    pack(from, spec_.bPixel, count, static_cast<int>(columns), static_cast<int>(width), nullptr, packed);
    packed += width * blockRows_;
  }
}

void OverPixelsGemm::runTap(int64_t tap, int64_t group, int64_t firstChannel, int64_t lastChannel, int64_t count,
                            const Slot& slot, float* target, int64_t targetPixel, bool add) const {
  const GemmKernels& kernels = *spec_.kernels;
  const int64_t targetRow = spec_.problem.taps[static_cast<size_t>(tap)].index * spec_.channels;
  PixelTile tile;
  tile.rows = slot.rows;
  tile.pixels = count;
  tile.b = slot.b;
  tile.cStride = targetPixel;
  tile.add = add;
  for (int64_t column = 0; column < spec_.columns; column += panelWidth_) {
    tile.columns = static_cast<int>(std::min(panelWidth_, spec_.columns - column));
    const bool narrow = tile.columns <= kernels.lanes;
    const PixelTileFn* family = narrow ? kernels.narrowOverPixels : kernels.wideOverPixels;
    const int64_t step = narrow ? kernels.narrowPixelRows : kernels.wideRows;
    for (int64_t m = firstChannel; m < lastChannel; m += step) {
      tile.offset = group * spec_.channels + m;
      tile.c = target + (targetRow + m) * targetPixel + group * spec_.columns + column;
      family[std::min(step, lastChannel - m) - 1](tile);
    }
    tile.b += (narrow ? kernels.lanes : 2 * kernels.lanes) * blockRows_;
  }
}

void OverPixelsGemm::runTask(const OverPixelsOperands& operands, int64_t firstRow, int64_t lastRow, int64_t firstUnit,
                             int64_t lastUnit, float* target, int64_t targetPixel, bool add) const {
  const int64_t taps = static_cast<int64_t>(spec_.problem.taps.size());
  std::byte* base = operands.scratch + zeroBytes() + slotBytes() * static_cast<size_t>(ThreadPool::slot());
  const Slot slot = {reinterpret_cast<const float**>(base),
                     reinterpret_cast<float*>(base + align64(static_cast<size_t>(blockRows_) * sizeof(void*)))};
  const float* zeros = reinterpret_cast<const float*>(operands.scratch);
  for (int64_t row = firstRow; row < lastRow; row += blockRows_) {
    const int64_t count = std::min(blockRows_, lastRow - row);
    int64_t packedGroup = -1;
    for (int64_t unit = firstUnit; unit < lastUnit;) {
      const int64_t group = unit / (taps * unitsPerTap_);
      const int64_t tap = unit / unitsPerTap_ % taps;
      const int64_t lastHere = std::min(lastUnit, (unit / unitsPerTap_ + 1) * unitsPerTap_);
      const int64_t firstChannel = unit % unitsPerTap_ * unitChannels_;
      const int64_t lastChannel = std::min(spec_.channels, firstChannel + (lastHere - unit) * unitChannels_);
      if (group != packedGroup) {
        packBlock(operands, group, row, count, slot.b);
        packedGroup = group;
      }
      fillSourceRows(spec_.problem, tap, 1, row, count, operands.source, spec_.sourcePixel, zeros, slot.rows,
                     blockRows_);
      runTap(tap, group, firstChannel, lastChannel, count, slot, target, targetPixel, add || row != firstRow);
      unit = lastHere;
    }
  }
}

void OverPixelsGemm::run(ThreadPool& pool, const OverPixelsOperands& operands) const {
  std::memset(operands.scratch, 0, static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
  const int64_t units = spec_.groups * static_cast<int64_t>(spec_.problem.taps.size()) * unitsPerTap_;
  const int64_t areas = ceilDiv(units, unitsPerTask_);
  const int64_t rows = operands.images * spec_.problem.gridH * spec_.problem.gridW;
  const int64_t live = ceilDiv(rows, chunkRows_);
  const int64_t width = spec_.columns * spec_.groups;
  float* partials = reinterpret_cast<float*>(operands.scratch + zeroBytes() +
                                             slotBytes() * static_cast<size_t>(ThreadPool::maxSlots()));

  pool.parallelFor(areas * live, [&](int64_t task) {
    const int64_t chunk = task / areas;
    const int64_t unit = task % areas * unitsPerTask_;
    float* target = chunks_ == 1 ? operands.target : partials + static_cast<size_t>(chunk) * partialFloats();
    runTask(operands, chunk * chunkRows_, std::min(rows, (chunk + 1) * chunkRows_), unit,
            std::min(units, unit + unitsPerTask_), target, chunks_ == 1 ? spec_.targetPixel : width,
            chunks_ == 1 && operands.add);
  });
  if (chunks_ == 1) return;

  const int64_t sumTasks = std::clamp<int64_t>(targetRows() * width * live / (256 << 10), 1, targetRows());
  pool.parallelFor(sumTasks, [&](int64_t task) {
    for (int64_t row = targetRows() * task / sumTasks; row < targetRows() * (task + 1) / sumTasks; ++row) {
      float* to = operands.target + row * spec_.targetPixel;
      const float* from = partials + row * width;
      for (int64_t chunk = 0; chunk < live; ++chunk, from += partialFloats()) {
        if (chunk == 0 && !operands.add) {
          std::memcpy(to, from, static_cast<size_t>(width) * sizeof(float));
        } else {
          for (int64_t n = 0; n < width; ++n) to[n] += from[n];
        }
      }
    }
  });
}

}  // namespace striate
