#include "kernels/gemm/overPixels.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/cpu.h"

namespace striate {
namespace {

// The limit is the FMA peak less what packing costs (b once per task and block, 2 to 8 % by shape) and, where there are
// few pixels, writing the gradient. Tiles read b's panel (16 KiB) and six channels of 256 pixels from L1.
//
// Measured (Zen 4, avx2, one thread, % of peak, one image): 64 to 128 channels of 3x3 84, 256 90, 512 84; 1x1: 82
// to 88. Read in place, the source costs a line of L2 per pixel and tile, and where channels are a power of two those
// lines share a few sets: 1024 to 256 channels of 1x1 ran at 68 and 2048 to 512 at 52 to 66; copied into planes they
// run at 88 and 85. Copying 64 channels, or a source of stride 2 for 128 filters, costs more than it gives: 82 against
// 88, 68 against 85.
// Batches of 16 of 1x1 reach 78 to 85 from 512 channels on, 74 from 256 to 64, 64 from 64 to 256; 64 to 128 of 3x3 at
// stride 2 83. Tried: fetching the next block's rows and b from within the tiles: 1 to 3 % slower. Tasks split by
// planes first (64 of them, of 60 us) packed b, and fetched parts of the lines of a source read in place, again and
// again: 73 instead of 83 on the last, 79 instead of 84 for 512 channels of 3x3 at 7x7, 2 to 9 % elsewhere, with two
// threads too.
//
// Which sources are copied. On an Intel Xeon (family 6, model 85), one thread, with 128 uses instead of 256: 1024 to
// 128 channels at 14x14 on two images 1.37 times as fast (avx2 1.72, sse2 1.71), 512 to 128 at 28x28 1.03 (1.25, 1.37),
// 512 to 192 at 14x14 1.18 (1.34, 1.37). From 256 channels on, where L3 is far: 256 to 1024 at 14x14 1.12 (1.16, 1.21),
// to 512 at 28x28 1.01 (1.11, 1.21), to 128 0.96 (1.06, 1.20).
constexpr int64_t kPlaneChannels = 512;        // so many channels are worth a copy,
constexpr int64_t kPlaneChannelsOfTaps = 256;  // fewer where taps share it,
constexpr int64_t kPlaneUses = 128;            // if so many sums read it
// A source of so many floats comes from memory, and where L3 is far, that is waited for: tiles go through a block
// channels first, of which hardware foresees nothing. So from fewer channels and sums on it is copied, pixel by pixel,
// else asked for in that order. 16 images on an Intel Xeon (family 6, model 85), one thread, in place, asked for and
// copied, ms: 256 to 64 at 56x56 30.5, 28.0, 26.8; 512 to 128 at 28x28 28.3, 24.7, 20.5; 64 images of 96 to 24 at
// 28x28 8.0 and 5.8. One image of 256 to 64, which L3 holds: 1.35, 1.41, 1.38.
constexpr int64_t kFarSource = 2 << 20, kFarPlaneChannels = 64, kFarPlaneUses = 64;
constexpr int64_t kBlockFloats = 160 << 10;  // of source and b in one block: 640 KiB of L2
constexpr int64_t kLeastBlock = 64;          // a tile of C is read and written once per block: 12 of 400 cycles
// A panel of b in one block stays in L1: 16 KiB. 32 columns of 256 rows are all of L1; in 128 rows, on that Xeon, one
// thread, 512 to 2048 at 7x7 on 16 images 1.20 times as fast, 1024 to 256 at 14x14 1.11, 3x3 at stride 2 1.03 to 1.1,
// but of 256 to 512 at 4x4 0.94: its sums, 5 MB, are read and written for every block. 96 rows: less.
constexpr int64_t kMostBlock = 256, kPanelFloats = 4 << 10;
constexpr int64_t kUses = 64;                    // a packed value takes part in so many sums at least
constexpr int64_t kMostPartialFloats = 8 << 20;  // 32 MiB of partial sums
constexpr double kTaskFlops = 9e6;
constexpr double kSplitFlops = 3e6;  // 30 us at 100 GFLOP/s: two tasks from there on
constexpr double kMostTasks = 32;
constexpr double kInPlaceCost = 0.5;  // of reading a value of the source where it lies, beside packing one
constexpr int64_t kMostChunks = 16;
constexpr int64_t kLineFloats = 16;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }
size_t align64(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

}  // namespace

OverPixelsGemm::OverPixelsGemm(OverPixelsSpec spec) : spec_(std::move(spec)) {
  const GemmKernels& kernels = *spec_.kernels;
  const bool narrow = spec_.columns <= kernels.lanes;
  panelWidth_ = narrow ? kernels.lanes : 2 * kernels.lanes;
  planeRows_ = narrow ? kernels.narrowPixelRows : kernels.wideRows;
  gathers_ = taps() == 1;
  const int64_t source = spec_.images * spec_.problem.sourceH * spec_.problem.sourceW * spec_.channels * spec_.groups;
  const bool isFar = hasFarL3() && gathers_ && source > kFarSource;
  const int64_t leastChannels = isFar                     ? kFarPlaneChannels
                                : gathers_ && !hasFarL3() ? kPlaneChannels
                                                          : kPlaneChannelsOfTaps;
  packsPlanes_ = spec_.channels >= leastChannels && taps() * spec_.columns >= (isFar ? kFarPlaneUses : kPlaneUses);
  fetchesSource_ = isFar && !packsPlanes_ && spec_.channels >= kFarPlaneChannels;
  const int64_t rows = spec_.images * spec_.problem.gridH * spec_.problem.gridW;
  planTasks(rows);
  planBlocks(rows);
  chunkRows_ = chunks_ == 1 ? std::max<int64_t>(rows, 1) : roundUp(ceilDiv(rows, chunks_), blockRows_);
  chunks_ = std::max<int64_t>(1, ceilDiv(rows, chunkRows_));
}

// Chunks of pixels first, since nothing is packed twice for them; then tiles of the result, where the source is read
// once per panel task and b once per plane task: whatever packs least. Powers of two, for even shares.
void OverPixelsGemm::planTasks(int64_t rows) {
  const int64_t planes = planesPerGroup() * spec_.groups, panels = panelsPerGroup();
  const double flops =
      2.0 * static_cast<double>(rows) * static_cast<double>(targetRows()) * static_cast<double>(width());
  const auto wanted = flops < kSplitFlops ? 1 : static_cast<int64_t>(std::clamp(flops / kTaskFlops, 2.0, kMostTasks));
  const auto powerOfTwo = [](int64_t n) {
    return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(n, 1))));
  };
  chunks_ = powerOfTwo(std::min({wanted, kMostChunks, rows / (2 * kMostBlock),
                                 kMostPartialFloats / std::max<int64_t>(1, targetRows() * width())}));
  const int64_t perPacked = std::max<int64_t>(1, taps());
  const int64_t mostPlaneTasks = planes / ceilDiv(kUses, planeRows_ * perPacked);
  const int64_t mostPanelTasks = panels / ceilDiv(kUses, panelWidth_ * perPacked);
  const int64_t rest = wanted / chunks_;
  const double sourceCost = (packsPlanes_ ? 1.0 : kInPlaceCost) * static_cast<double>(spec_.channels * spec_.groups);
  double least = 0;
  for (int64_t planeTasks = 1; planeTasks <= powerOfTwo(std::min(rest, mostPlaneTasks)); planeTasks *= 2) {
    const int64_t panelTasks = powerOfTwo(std::min(rest / planeTasks, mostPanelTasks));
    const double cost = sourceCost * static_cast<double>(panelTasks) +
                        static_cast<double>(std::max(planeTasks, spec_.groups) * spec_.columns);
    const int64_t more = planeTasks * panelTasks - planeTasks_ * panelTasks_;
    if (planeTasks == 1 || more > 0 || (more == 0 && cost < least)) {
      planeTasks_ = planeTasks;
      panelTasks_ = panelTasks;
      least = cost;
    }
  }
  planesPerTask_ = ceilDiv(planes, planeTasks_);
  panelsPerTask_ = ceilDiv(panels, panelTasks_);
}

void OverPixelsGemm::planBlocks(int64_t rows) {
  const IndirectProblem& problem = spec_.problem;
  const double spread = gathers_ ? 1.0
                                 : static_cast<double>(problem.sourceH * problem.sourceW) /
                                       static_cast<double>(problem.gridH * problem.gridW);
  const double perRow = static_cast<double>(std::min(planesPerTask_, planesPerGroup()) * planeRows_) * spread +
                        static_cast<double>(panelsPerTask_ * panelWidth_);
  const int64_t most = std::min(kMostBlock, kPanelFloats / panelWidth_);
  blockRows_ = std::clamp<int64_t>(static_cast<int64_t>(kBlockFloats / perRow), kLeastBlock, most);
  // Even blocks.
  const int64_t chunk = std::max<int64_t>(1, ceilDiv(rows, chunks_));
  blockRows_ = roundUp(ceilDiv(chunk, ceilDiv(chunk, blockRows_)), 8);
  mostPixels_ = std::min(blockRows_, std::max<int64_t>(rows, 1));
  if (!packsPlanes_ || gathers_) return;
  for (int64_t row = 0; row < rows; row += blockRows_) {
    const Pixels pixels = pixelsOf(row, std::min(blockRows_, rows - row));
    mostPixels_ = std::max(mostPixels_, pixels.last - pixels.first);
  }
  // Strides beyond the kernel: most of the image is never read.
  if (mostPixels_ > (taps() + 8) * blockRows_) {
    packsPlanes_ = false;
    mostPixels_ = blockRows_;
  }
}

OverPixelsGemm::Pixels OverPixelsGemm::pixelsOf(int64_t row, int64_t count) const {
  const IndirectProblem& p = spec_.problem;
  int64_t low = 0, high = 0;  // lines that taps look up and down
  for (size_t t = 0; t < p.taps.size(); ++t) {
    low = t == 0 ? p.taps[t].h : std::min(low, p.taps[t].h);
    high = t == 0 ? p.taps[t].h : std::max(high, p.taps[t].h);
  }
  const auto line = [&](int64_t r, int64_t reach) {
    const int64_t image = r / (p.gridH * p.gridW), i = r % (p.gridH * p.gridW) / p.gridW;
    return image * p.sourceH + std::clamp<int64_t>(i * p.sourceStepH + reach, 0, p.sourceH);
  };
  const int64_t first = line(row, low);
  return {first * p.sourceW, std::max(first, line(row + count - 1, high + 1)) * p.sourceW};
}

// An odd number of cache lines: packing writes all planes of a pixel at once.
int64_t OverPixelsGemm::planeStride() const {
  const int64_t lines = ceilDiv((mostPixels_ + 1) * planeRows_, kLineFloats) + 1;
  return (lines | 1) * kLineFloats;
}

size_t OverPixelsGemm::zeroBytes() const {
  return align64(static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
}

size_t OverPixelsGemm::slotBytes() const {
  const int64_t planes = packsPlanes_ ? std::min(planesPerTask_, planesPerGroup()) * planeStride() : 0;
  return align64(static_cast<size_t>(mostPixels_) * sizeof(void*)) +
         align64(static_cast<size_t>(panelsPerTask_ * panelWidth_ * blockRows_) * sizeof(float)) +
         align64(static_cast<size_t>(planes) * sizeof(float));
}

OverPixelsGemm::Slot OverPixelsGemm::slot(std::byte* scratch) const {
  std::byte* base = scratch + zeroBytes() + slotBytes() * static_cast<size_t>(ThreadPool::slot());
  std::byte* b = base + align64(static_cast<size_t>(mostPixels_) * sizeof(void*));
  std::byte* planes = b + align64(static_cast<size_t>(panelsPerTask_ * panelWidth_ * blockRows_) * sizeof(float));
  return {reinterpret_cast<const float**>(base), reinterpret_cast<float*>(b), reinterpret_cast<float*>(planes)};
}

size_t OverPixelsGemm::partialFloats() const { return static_cast<size_t>(roundUp(targetRows() * width(), 16)); }

size_t OverPixelsGemm::scratchBytes() const {
  const size_t partial = chunks_ == 1 ? 0 : partialFloats() * sizeof(float) * static_cast<size_t>(chunks_);
  return zeroBytes() + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots()) + partial;
}

void OverPixelsGemm::packBlock(const OverPixelsOperands& operands, int64_t group, const Area& area, const Block& block,
                               float* packed) const {
  const int64_t lanes = spec_.kernels->lanes, panelStride = panelWidth_ * blockRows_;
  const auto widthOf = [&](int64_t columns) { return static_cast<int>(columns <= lanes ? lanes : 2 * lanes); };
  const int64_t column = area.firstPanel * panelWidth_;
  const int64_t columns = std::min(area.lastPanel * panelWidth_, spec_.columns) - column;
  const int64_t last = (area.lastPanel - area.firstPanel - 1) * panelWidth_;  // where the last panel begins
  if (spec_.bTransposed) {
    for (int64_t n = 0; n < columns; n += panelWidth_, packed += panelStride) {
      const int64_t count = std::min(panelWidth_, columns - n);
      spec_.kernels->packTransposed(operands.b + (group * spec_.columns + column + n) * spec_.bPixel + block.row,
                                    spec_.bPixel, block.count, static_cast<int>(count), widthOf(count), nullptr,
                                    packed);
    }
    return;
  }
  const float* from = operands.b + block.row * spec_.bPixel + group * spec_.columns + column;
  const int64_t wide = widthOf(columns - last) == panelWidth_ ? columns : last;  // the last panel may be narrow
  if (wide > 0) {
    spec_.kernels->packRows(from, spec_.bPixel, block.count, wide, static_cast<int>(panelWidth_), panelStride, nullptr,
                            packed);
  }
  if (wide < columns) {
    spec_.kernels->packRows(from + wide, spec_.bPixel, block.count, columns - wide, static_cast<int>(lanes), 0, nullptr,
                            packed + wide / panelWidth_ * panelStride);
  }
}

// slot.rows and the offset of a plane name the channels of each pixel that the tap meets.
void OverPixelsGemm::runTap(int64_t tap, int64_t group, const Area& area, const Block& block, const Slot& slot) const {
  const GemmKernels& kernels = *spec_.kernels;
  const int64_t targetRow = spec_.problem.taps[static_cast<size_t>(tap)].index * spec_.channels;
  PixelTile tile;
  tile.rows = slot.rows;
  tile.pixels = block.count;
  tile.b = slot.b;
  tile.cStride = area.targetPixel;
  tile.add = block.add;
  for (int64_t panel = area.firstPanel; panel < area.lastPanel; ++panel, tile.b += panelWidth_ * blockRows_) {
    const int64_t column = panel * panelWidth_;
    tile.columns = static_cast<int>(std::min(panelWidth_, spec_.columns - column));
    const PixelTileFn* family = tile.columns <= kernels.lanes ? kernels.narrowOverPixels : kernels.wideOverPixels;
    for (int64_t plane = area.firstPlane; plane < area.lastPlane; ++plane) {
      const int64_t m = plane * planeRows_;
      tile.offset = packsPlanes_ ? (plane - area.firstPlane) * planeStride() : group * spec_.channels + m;
      tile.c = area.target + (targetRow + m) * area.targetPixel + group * spec_.columns + column;
      family[std::min<int64_t>(planeRows_, spec_.channels - m) - 1](tile);
    }
  }
}

// `area` holds planes of this group, counted from its first.
void OverPixelsGemm::runGroup(const OverPixelsOperands& operands, int64_t group, const Area& area, const Block& block,
                              const Slot& slot) const {
  packBlock(operands, group, area, block, slot.b);
  const auto* zeros = reinterpret_cast<const float*>(operands.scratch);
  const int64_t firstChannel = area.firstPlane * planeRows_;
  const int64_t channels = std::min(spec_.channels, area.lastPlane * planeRows_) - firstChannel;
  const auto packPlanes = [&](int64_t pixels) {
    spec_.kernels->packPlanes(slot.rows, group * spec_.channels + firstChannel, pixels, channels, planeRows_,
                              planeStride(), slot.planes);
  };
  Pixels pixels = {0, block.count};
  if (packsPlanes_ && gathers_) {
    fillSourceRows(spec_.problem, 0, 1, block.row, block.count, operands.source, spec_.sourcePixel, zeros, slot.rows,
                   0);
    packPlanes(block.count);
    for (int64_t p = 0; p < block.count; ++p) slot.rows[p] = slot.planes + p * planeRows_;
  } else if (packsPlanes_) {
    pixels = pixelsOf(block.row, block.count);
    const int64_t count = pixels.last - pixels.first;
    for (int64_t p = 0; p < count; ++p) slot.rows[p] = operands.source + (pixels.first + p) * spec_.sourcePixel;
    packPlanes(count);
    for (int64_t plane = 0; plane < area.lastPlane - area.firstPlane; ++plane) {  // the padding is a pixel of its own
      std::memset(slot.planes + plane * planeStride() + count * planeRows_, 0,
                  static_cast<size_t>(planeRows_) * sizeof(float));
    }
  }
  for (int64_t tap = 0; tap < taps(); ++tap) {
    if (!packsPlanes_) {
      fillSourceRows(spec_.problem, tap, 1, block.row, block.count, operands.source, spec_.sourcePixel, zeros,
                     slot.rows, 0);
      if (fetchesSource_) {
        for (int64_t p = 0; p < block.count; ++p) {
          const float* from = slot.rows[p] + group * spec_.channels + firstChannel;
          for (int64_t m = 0; m < channels; m += kLineFloats) __builtin_prefetch(from + m, 0, 2);
        }
      }
    } else if (!gathers_) {
      fillSourceRows(spec_.problem, tap, 1, block.row, block.count, slot.planes - pixels.first * planeRows_, planeRows_,
                     slot.planes + (pixels.last - pixels.first) * planeRows_, slot.rows, 0);
    }
    runTap(tap, group, area, block, slot);
  }
}

void OverPixelsGemm::runTask(const OverPixelsOperands& operands, int64_t firstRow, int64_t lastRow, const Area& area,
                             bool add) const {
  const Slot slot = this->slot(operands.scratch);
  for (int64_t row = firstRow; row < lastRow; row += blockRows_) {
    const Block block = {row, std::min(blockRows_, lastRow - row), add || row != firstRow};
    for (int64_t plane = area.firstPlane; plane < area.lastPlane;) {
      const int64_t group = plane / planesPerGroup(), start = group * planesPerGroup();
      Area part = area;
      part.firstPlane = plane - start;
      part.lastPlane = std::min(area.lastPlane - start, planesPerGroup());
      runGroup(operands, group, part, block, slot);
      plane = start + part.lastPlane;
    }
  }
}

void OverPixelsGemm::run(ThreadPool& pool, const OverPixelsOperands& operands) const {
  std::memset(operands.scratch, 0, static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
  const int64_t rows = operands.images * spec_.problem.gridH * spec_.problem.gridW;
  const int64_t live = ceilDiv(rows, chunkRows_), areas = planeTasks_ * panelTasks_;
  const int64_t planes = planesPerGroup() * spec_.groups, panels = panelsPerGroup();
  auto* partials = reinterpret_cast<float*>(operands.scratch + zeroBytes() +
                                            slotBytes() * static_cast<size_t>(ThreadPool::maxSlots()));
  pool.parallelFor(areas * live, [&](int64_t task) {
    const int64_t chunk = task / areas, area = task % areas;
    const int64_t plane = area / panelTasks_, panel = area % panelTasks_;
    const bool whole = chunks_ == 1;
    runTask(operands, chunk * chunkRows_, std::min(rows, (chunk + 1) * chunkRows_),
            {planes * plane / planeTasks_, planes * (plane + 1) / planeTasks_, panels * panel / panelTasks_,
             panels * (panel + 1) / panelTasks_,
             whole ? operands.target : partials + static_cast<size_t>(chunk) * partialFloats(),
             whole ? spec_.targetPixel : width()},
            whole && operands.add);
  });
  if (chunks_ > 1) addPartials(pool, operands, partials, live);
}

// In the order of the chunks.
void OverPixelsGemm::addPartials(ThreadPool& pool, const OverPixelsOperands& operands, const float* partials,
                                 int64_t live) const {
  const int64_t tasks = std::clamp<int64_t>(targetRows() * width() * live / (256 << 10), 1, targetRows());
  pool.parallelFor(tasks, [&](int64_t task) {
    for (int64_t row = targetRows() * task / tasks; row < targetRows() * (task + 1) / tasks; ++row) {
      float* to = operands.target + row * spec_.targetPixel;
      const float* from = partials + row * width();
      for (int64_t chunk = 0; chunk < live; ++chunk, from += partialFloats()) {
        if (chunk == 0 && !operands.add) {
          std::memcpy(to, from, static_cast<size_t>(width()) * sizeof(float));
        } else {
          for (int64_t n = 0; n < width(); ++n) to[n] += from[n];
        }
      }
    }
  });
}

}  // namespace striate
