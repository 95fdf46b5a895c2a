#include "kernels/gemm/indirect.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <utility>

#include "kernels/plan.h"

namespace striate {
namespace {

// Measured on Zen 4, avx2, one thread, ResNet's layers: 96 to 104 % of the FMA peak (110 GFLOP/s), 98 % on 7x7x64
// stride 2 over 3 channels. A wide tile streams its panel of B from L2 at 64 bytes per 6 cycles without loss, so the
// sum need not be cut to fit L1: depths of 256, 512, 1024 and 4096 differ by less than 3 %. Blocks of 96 KiB of source
// are a little better than 192. Known limits: a B that is not constant is packed as a whole before the product, which
// bounds large filters over few pixels (512 channels at 7x7, one image: the gradient of the input runs at half speed);
// short sums (under 30 terms) are bound by making row pointers and by stores. A sum cut into passes goes through the
// target; Winograd and blocked layouts need no other contract than a driver of their own.
constexpr int64_t kMostDepth = 4096;
constexpr int64_t kMostPointers = 4096;     // per block: 32 KiB
constexpr int64_t kBlockFloats = 24 << 10;  // source floats of a block: 96 KiB of L2
constexpr double kTaskFlops = 2.5e6;        // 25 us at 100 GFLOP/s
constexpr double kMostTasks = 128;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }
size_t align64(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

}  // namespace

const GemmKernels& gemmKernels(Isa isa) { return STRIATE_KERNELS(isa, kGemm); }

const char* wideTileName(const GemmKernels& kernels) {
  return kernels.wideRows == 6 ? "6x16" : kernels.wideRows == 4 ? "4x8" : "8x8";
}

IndirectGemm::IndirectGemm(IndirectSpec spec) : spec_(std::move(spec)), parts_(spec_.problems.size()) {
  const GemmKernels& kernels = *spec_.kernels;
  panelWidth_ = spec_.columns <= kernels.lanes ? kernels.lanes : 2 * kernels.lanes;
  const int64_t panels = panelsPerGroup() * spec_.groups;
  // Blocks are whole tiles of both families: 24 rows on avx2 and neon, 8 on sse2.
  const int64_t granule = std::lcm(kernels.narrowRows, kernels.wideRows);

  double weight = 0;  // multiply-adds per column
  for (const IndirectProblem& problem : spec_.problems) {
    const int64_t rows = spec_.images * problem.gridH * problem.gridW;
    weight += static_cast<double>(rows) *
              static_cast<double>(std::max<int64_t>(1, static_cast<int64_t>(problem.taps.size()) * spec_.channels));
  }
  const double flops = 2 * weight * static_cast<double>(spec_.columns * spec_.groups);
  const double wantedTasks = flops < 2 * kTaskFlops ? 1.0 : std::min(kMostTasks, flops / kTaskFlops);
  double rowTasks = 0;

  for (size_t i = 0; i < parts_.size(); ++i) {
    const IndirectProblem& problem = spec_.problems[i];
    Part& part = parts_[i];
    const int64_t taps = static_cast<int64_t>(problem.taps.size());
    const int64_t depth = taps * spec_.channels;
    part.depth = depth;
    part.consecutive = problem.flat() || (problem.gridH == problem.targetH && problem.gridW == problem.targetW &&
                                          problem.targetStepH == 1 && problem.targetStepW == 1 &&
                                          problem.targetH0 == 0 && problem.targetW0 == 0);
    part.packedOffset = packedFloats_;
    packedFloats_ += depth * packedColumns() * spec_.groups;

    const int64_t rows = spec_.images * problem.gridH * problem.gridW;
    const int64_t mostTaps = std::max<int64_t>(1, std::min(taps, kMostPointers / 48));
    if (taps == 0) {
      part.passes.push_back({0, 0, 0, 0});
    } else if (spec_.channels <= kMostDepth) {
      const int64_t passes =
          std::max(ceilDiv(taps, mostTaps), ceilDiv(taps, std::max<int64_t>(1, kMostDepth / spec_.channels)));
      const int64_t each = ceilDiv(taps, passes);
      for (int64_t tap = 0; tap < taps; tap += each) {
        part.passes.push_back({tap, std::min(each, taps - tap), 0, spec_.channels});
      }
    } else {
      const int64_t each = roundUp(ceilDiv(spec_.channels, ceilDiv(spec_.channels, kMostDepth)), 16);
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t k = 0; k < spec_.channels; k += each)
          part.passes.push_back({tap, 1, k, std::min(each, spec_.channels - k)});
      }
    }
    int64_t passTaps = 1;
    for (const Pass& pass : part.passes) passTaps = std::max(passTaps, pass.taps);

    int64_t block = std::clamp<int64_t>(kBlockFloats / spec_.channels, 48, 480);
    block = std::max(granule, std::min(block, kMostPointers / passTaps) / granule * granule);
    // Even tasks, each of whole blocks where it can be.
    const double share = wantedTasks * static_cast<double>(rows) * static_cast<double>(std::max<int64_t>(depth, 1)) /
                         std::max(1.0, weight);
    const int64_t tasks = std::clamp<int64_t>(static_cast<int64_t>(share), 1, ceilDiv(rows, granule));
    part.rowsPerTask = roundUp(ceilDiv(rows, tasks), granule);
    part.rowsPerBlock = std::min(block, roundUp(ceilDiv(part.rowsPerTask, ceilDiv(part.rowsPerTask, block)), granule));
    rowTasks += static_cast<double>(ceilDiv(rows, part.rowsPerTask));
    blockRows_ = std::max(blockRows_, part.rowsPerBlock);
    blockPointers_ = std::max(blockPointers_, part.rowsPerBlock * passTaps);
  }
  const double columnTasks = std::clamp(wantedTasks / std::max(1.0, rowTasks), 1.0, static_cast<double>(panels));
  panelsPerTask_ = ceilDiv(panels, static_cast<int64_t>(columnTasks));
}

size_t IndirectGemm::packedBytes() const { return static_cast<size_t>(packedFloats_) * sizeof(float); }

void IndirectGemm::pack(ThreadPool& pool, const float* b, const float* scale, float* packed) const {
  const GemmKernels& kernels = *spec_.kernels;
  const int64_t panels = panelsPerGroup();
  for (size_t i = 0; i < parts_.size(); ++i) {
    const std::vector<Tap>& taps = spec_.problems[i].taps;
    const int64_t depth = static_cast<int64_t>(taps.size()) * spec_.channels;
    const int64_t all = panels * spec_.groups;
    const int64_t floats = depth * packedColumns() * spec_.groups;
    const int64_t tasks = std::min<int64_t>(all, 1 + floats / (64 << 10));
    pool.parallelFor(tasks, [&](int64_t task) {
      for (int64_t panel = all * task / tasks; panel < all * (task + 1) / tasks; ++panel) {
        const int64_t group = panel / panels;
        const int64_t column = panel % panels * panelWidth_;
        const int columns = static_cast<int>(std::min(panelWidth_, spec_.columns - column));
        const int width = columns <= kernels.lanes ? kernels.lanes : 2 * kernels.lanes;
        const float* scales = scale == nullptr ? nullptr : scale + group * spec_.columns + column;
        float* to = packed + parts_[i].packedOffset + group * depth * packedColumns() + column * depth;
        for (const Tap& tap : taps) {
          const float* from = b + tap.index * spec_.bTap + group * spec_.bGroup + column * spec_.bColumn;
          const auto pack = spec_.bColumn == 1 ? kernels.packRows : kernels.packTransposed;
          pack(from, spec_.bColumn == 1 ? spec_.bChannel : spec_.bColumn, spec_.channels, columns, width, scales, to);
          to += spec_.channels * width;
        }
      }
    });
  }
}

size_t IndirectGemm::scratchBytes() const {
  const size_t zeros = align64(static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
  const size_t pointers = align64(static_cast<size_t>(blockPointers_ + 2 * blockRows_) * sizeof(void*));
  return zeros + pointers * static_cast<size_t>(ThreadPool::maxSlots());
}

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

void IndirectGemm::runPanel(const Part& part, size_t passIndex, int64_t panel, int64_t rows,
                            const IndirectOperands& operands, const Pointers& pointers) const {
  const GemmKernels& kernels = *spec_.kernels;
  const Pass& pass = part.passes[passIndex];
  const int64_t depth = part.depth;
  const int64_t group = panel / panelsPerGroup();
  const int64_t column = panel % panelsPerGroup() * panelWidth_;
  const bool firstPass = passIndex == 0;
  const bool lastPass = passIndex + 1 == part.passes.size();

  IndirectTile tile;
  tile.columns = static_cast<int>(std::min(panelWidth_, spec_.columns - column));
  const bool narrow = tile.columns <= kernels.lanes;
  const int width = narrow ? kernels.lanes : 2 * kernels.lanes;
  const IndirectTileFn* family = narrow ? kernels.narrow : kernels.wide;
  const int64_t step = narrow ? kernels.narrowRows : kernels.wideRows;
  tile.rowStride = part.rowsPerBlock;
  tile.offset = group * spec_.channels + pass.channel;
  tile.taps = pass.taps;
  tile.channels = pass.channels;
  tile.b = operands.packed + part.packedOffset + group * depth * packedColumns() + column * depth +
           (pass.tap * spec_.channels + pass.channel) * width;
  tile.column = group * spec_.columns + column;
  tile.contiguous = part.consecutive && spec_.targetPixel == tile.columns;
  tile.bias = firstPass ? operands.bias : nullptr;
  tile.activation = lastPass ? spec_.activation : static_cast<int>(kActivationNone);
  tile.slope = spec_.slope;
  for (int64_t m = 0; m < rows; m += step) {
    const int64_t count = std::min(step, rows - m);
    tile.rows = pointers.rows + m;
    tile.c = pointers.target + m;
    tile.residual = !firstPass                     ? const_cast<const float* const*>(pointers.target) + m
                    : operands.residual != nullptr ? pointers.residual + m
                                                   : nullptr;
    family[count - 1](tile);
  }
}

void IndirectGemm::runTask(size_t index, int64_t firstRow, int64_t lastRow, int64_t firstPanel, int64_t lastPanel,
                           const IndirectOperands& operands) const {
  const IndirectProblem& problem = spec_.problems[index];
  const Part& part = parts_[index];
  std::byte* base = operands.scratch + align64(static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float)) +
                    align64(static_cast<size_t>(blockPointers_ + 2 * blockRows_) * sizeof(void*)) *
                        static_cast<size_t>(ThreadPool::slot());
  constexpr auto kPointer = static_cast<int64_t>(sizeof(void*));
  const Pointers pointers = {reinterpret_cast<const float**>(base),
                             reinterpret_cast<float**>(base + blockPointers_ * kPointer),
                             reinterpret_cast<const float**>(base + (blockPointers_ + blockRows_) * kPointer)};

  for (int64_t row = firstRow; row < lastRow; row += part.rowsPerBlock) {
    const int64_t count = std::min(part.rowsPerBlock, lastRow - row);
    fillTargetRows(problem, row, count, operands.target, spec_.targetPixel, pointers.target);
    if (operands.residual != nullptr) {
      fillTargetRows(problem, row, count, const_cast<float*>(operands.residual), spec_.residualPixel,
                     const_cast<float**>(pointers.residual));
    }
    for (size_t pass = 0; pass < part.passes.size(); ++pass) {
      const Pass& range = part.passes[pass];
      if (range.taps > 0) {
        fillSourceRows(problem, range.tap, range.taps, row, count, operands.source, spec_.sourcePixel,
                       reinterpret_cast<const float*>(operands.scratch), pointers.rows, part.rowsPerBlock);
      }
      for (int64_t panel = firstPanel; panel < lastPanel; ++panel) {
        runPanel(part, pass, panel, count, operands, pointers);
      }
    }
  }
}

void IndirectGemm::run(ThreadPool& pool, const IndirectOperands& operands) const {
  assert(operands.images <= spec_.images);
  std::memset(operands.scratch, 0, static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
  const int64_t panels = panelsPerGroup() * spec_.groups;
  const int64_t columnTasks = ceilDiv(panels, panelsPerTask_);
  int64_t tasks = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const int64_t rows = operands.images * spec_.problems[i].gridH * spec_.problems[i].gridW;
    tasks += ceilDiv(rows, parts_[i].rowsPerTask) * columnTasks;
  }
  pool.parallelFor(tasks, [&](int64_t task) {
    for (size_t i = 0; i < parts_.size(); ++i) {
      const int64_t rows = operands.images * spec_.problems[i].gridH * spec_.problems[i].gridW;
      const int64_t here = ceilDiv(rows, parts_[i].rowsPerTask) * columnTasks;
      if (task >= here) {
        task -= here;
        continue;
      }
      const int64_t row = task / columnTasks * parts_[i].rowsPerTask;
      const int64_t panel = task % columnTasks * panelsPerTask_;
      runTask(i, row, std::min(rows, row + parts_[i].rowsPerTask), panel, std::min(panels, panel + panelsPerTask_),
              operands);
      return;
    }
  });
}

}  // namespace striate
