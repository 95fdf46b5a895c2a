#include "kernels/gemm/indirect.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <utility>

#include "kernels/plan.h"

namespace striate {
namespace {

constexpr int64_t kLineFloats = 16;
constexpr int64_t kFetchTerms = 16;  // of Ahead
// What is larger comes from memory at each run; from L3 the hardware streams well enough. Not for few rows, whose time
// is that of reading B: in a model it has gone from L2 when its turn comes. MobileNetV2's last layers (49 rows) gain 15
// %, alone they lose up to 2; with 169 rows and more it gains nothing in a model either.
constexpr int64_t kFarSource = 512 << 10, kFarB = 1 << 20, kFarBOfFewRows = 64 << 10;  // floats
constexpr int64_t kFewRows = 128;
constexpr int64_t kFarTarget = 4 << 20;  // floats
// Tiles of avx512 end in 28 stores of a line, more than wait well: MobileNetV2's 24 to 144 channels on 8 images 2.0 ms
// instead of 2.7.
constexpr int64_t kFarTargetOfLines = 1 << 20;
// Beyond L2, where L3 is far. ResNet-50 on an Intel Xeon (family 6, model 85): 64 to 256 channels at 56x56 with a
// residual 1.43 ms instead of 1.82 (without asking for the residual 1.70), to 512 at 28x28 1.08 instead of 1.17.
// Results of 64 Ki to 200 Ki: 3 % more there, 2 % less in SqueezeNet.
constexpr int64_t kTargetBeyondL2 = 256 << 10;
// The same of B, least times of both: 196 rows of 1024 to 512 channels 1.1 x, of 256 to 1024 1.04, 3136 of 256 to 1024
// 1.05; ResNet-50 1.01 to 1.03.
constexpr int64_t kBBeyondL2 = 192 << 10;

constexpr int64_t kTasksPerThread = 4;  // so that one that is slower does less; of 2, 196 rows lose 6 %

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }
size_t align64(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

}  // namespace

const GemmKernels& gemmKernels(Isa isa, int64_t columns) {
  return STRIATE_KERNELS_TO_AVX512(isaOfChannels(isa, columns), kGemm);
}

const char* wideTileName(const GemmKernels& kernels) {
  return kernels.lanes == 16 ? "14x32" : kernels.wideRows == 6 ? "6x16" : kernels.wideRows == 4 ? "4x8" : "8x8";
}

size_t IndirectGemm::zeroBytes() const {
  return align64(static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
}
size_t IndirectGemm::pointerBytes() const {
  return align64(static_cast<size_t>(blockPointers_ + 2 * blockRows_) * sizeof(void*));
}
size_t IndirectGemm::slotBytes() const {
  return pointerBytes() + align64(static_cast<size_t>(panelFloats_) * sizeof(float)) +
         align64(static_cast<size_t>(copyFloats_) * sizeof(float));
}
size_t IndirectGemm::scratchBytes() const {
  return zeroBytes() + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots());
}
IndirectGemm::Slot IndirectGemm::slot(std::byte* scratch) const {
  std::byte* base = scratch + zeroBytes() + slotBytes() * static_cast<size_t>(ThreadPool::slot());
  auto** pointers = reinterpret_cast<float**>(base);
  std::byte* panels = base + pointerBytes();
  return {const_cast<const float**>(pointers), pointers + blockPointers_,
          const_cast<const float**>(pointers + blockPointers_ + blockRows_), reinterpret_cast<float*>(panels),
          reinterpret_cast<float*>(panels + align64(static_cast<size_t>(panelFloats_) * sizeof(float)))};
}

int64_t IndirectGemm::widthOf(int64_t panel) const {
  const int64_t lanes = spec_.kernels->lanes, column = panel % panelsPerGroup() * panelWidth_;
  return spec_.columns - column <= lanes ? lanes : panelWidth_;
}

int64_t IndirectGemm::columnsBefore(int64_t panel) const {
  return panel / panelsPerGroup() * roundUp(spec_.columns, spec_.kernels->lanes) +
         panel % panelsPerGroup() * panelWidth_;
}

void IndirectGemm::packPanel(size_t problem, const Pass& pass, int64_t panel, const float* b, const float* scale,
                             float* to) const {
  const int64_t group = panel / panelsPerGroup();
  const int64_t column = panel % panelsPerGroup() * panelWidth_;
  const int columns = static_cast<int>(std::min(panelWidth_, spec_.columns - column));
  const int width = static_cast<int>(widthOf(panel));
  const float* scales = scale == nullptr ? nullptr : scale + group * spec_.columns + column;
  for (int64_t t = pass.tap; t < pass.tap + pass.taps; ++t) {
    const Tap& tap = spec_.problems[problem].taps[static_cast<size_t>(t)];
    const float* from =
        b + tap.index * spec_.bTap + group * spec_.bGroup + column * spec_.bColumn + pass.channel * spec_.bChannel;
    spec_.kernels->packTransposed(from, spec_.bColumn, pass.channels, columns, width, scales, to);
    to += pass.channels * width;
  }
}

void IndirectGemm::packRows(size_t problem, const Pass& pass, int64_t firstPanel, int64_t lastPanel, const float* b,
                            const float* scale, const PackedPanels& packed) const {
  const int64_t lanes = spec_.kernels->lanes;
  for (int64_t panel = firstPanel, end = 0; panel < lastPanel; panel = end) {
    const int64_t group = panel / panelsPerGroup();
    end = std::min(lastPanel, (group + 1) * panelsPerGroup());
    const int64_t column = panel % panelsPerGroup() * panelWidth_;
    const int64_t columns = std::min(spec_.columns - column, (end - panel) * panelWidth_);
    const int64_t narrow = widthOf(end - 1) == panelWidth_ ? 0 : columns % panelWidth_, wide = columns - narrow;
    float* to = packed.to + (columnsBefore(panel) - columnsBefore(firstPanel)) * packed.depth;
    const float* scales = scale == nullptr ? nullptr : scale + group * spec_.columns + column;
    for (int64_t t = 0; t < pass.taps; ++t) {
      const Tap& tap = spec_.problems[problem].taps[static_cast<size_t>(pass.tap + t)];
      const float* from = b + tap.index * spec_.bTap + group * spec_.bGroup + column + pass.channel * spec_.bChannel;
      const int64_t term = packed.firstTerm + t * pass.channels;
      if (wide > 0) {
        spec_.kernels->packRows(from, spec_.bChannel, pass.channels, wide, static_cast<int>(panelWidth_),
                                packed.depth * panelWidth_, scales, to + term * panelWidth_);
      }
      if (narrow > 0) {
        spec_.kernels->packRows(from + wide, spec_.bChannel, pass.channels, narrow, static_cast<int>(lanes), 0,
                                scales == nullptr ? nullptr : scales + wide, to + wide * packed.depth + term * lanes);
      }
    }
  }
}

void IndirectGemm::pack(ThreadPool& pool, const float* b, const float* scale, float* packed) const {
  const int64_t width = roundUp(spec_.columns, spec_.kernels->lanes) * spec_.groups;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const int64_t depth = parts_[i].depth, taps = static_cast<int64_t>(spec_.problems[i].taps.size());
    float* to = packed + parts_[i].packedOffset;
    const int64_t wanted = 1 + depth * width / (64 << 10);
    if (packsRows()) {
      const int64_t tasks = std::min(wanted, ceilDiv(depth, kFetchTerms));
      pool.parallelFor(tasks, [&](int64_t task) {
        for (int64_t term = depth * task / tasks, end = depth * (task + 1) / tasks, count = 0; term < end;
             term += count) {
          const int64_t tap = term / spec_.channels, channel = term % spec_.channels;
          count = std::min(end - term, spec_.channels - channel);
          packRows(i, {tap, 1, channel, count}, 0, panels(), b, scale, {to, depth, term});
        }
      });
      continue;
    }
    const Pass whole = {0, taps, 0, spec_.channels};
    const int64_t tasks = std::min<int64_t>(panels(), wanted);
    pool.parallelFor(tasks, [&](int64_t task) {
      for (int64_t panel = panels() * task / tasks; panel < panels() * (task + 1) / tasks; ++panel) {
        packPanel(i, whole, panel, b, scale, to + columnsBefore(panel) * depth);
      }
    });
  }
}

const float* IndirectGemm::packedPanel(const Part& part, const Pass& pass, int64_t panel, const float* packed) const {
  return packed + part.packedOffset + columnsBefore(panel) * part.depth +
         (pass.tap * spec_.channels + pass.channel) * widthOf(panel);
}

bool IndirectGemm::isPair(int64_t panel, int64_t lastPanel, int64_t rows) const {
  const int64_t within = panel % panelsPerGroup();
  return mayPair() && panel + 1 < lastPanel && (within + 2) * panelWidth_ <= spec_.columns && rows >= kLeastRowsOfPairs;
}

// The share of tile `tile` of `tiles` in the next panel of B: of the packed one, or of the runs of channels, one for
// each column, that packTransposed reads; runs that do not follow each other are left to the hardware.
Ahead IndirectGemm::nextPanels(size_t problem, const Pass& pass, int64_t panel, int64_t panels, int64_t tile,
                               int64_t tiles, const IndirectOperands& operands) const {
  const Part& part = parts_[problem];
  const int64_t first = pass.depth() * tile / tiles;
  if (operands.packed != nullptr) {
    // Panels follow each other where a pass is all of them.
    const int64_t width = widthOf(panel) * (pass.depth() == part.depth ? panels : 1);
    return {packedPanel(part, pass, panel, operands.packed) + first * width, kLineFloats,
            ceilDiv(kFetchTerms * width / kLineFloats, tiles), pass.depth() / tiles * width};
  }
  if (spec_.bColumn != pass.channels) return {};
  const int64_t group = panel / panelsPerGroup();
  const int64_t column = panel % panelsPerGroup() * panelWidth_;
  const int64_t columns = std::min(panelWidth_, spec_.columns - column);
  const int64_t run = pass.taps * columns * tile / tiles;
  const Tap& tap = spec_.problems[problem].taps[static_cast<size_t>(pass.tap + run / columns)];
  const float* at = operands.b + tap.index * spec_.bTap + group * spec_.bGroup +
                    (column + run % columns) * spec_.bColumn + pass.channel * spec_.bChannel;
  return {at, kLineFloats, ceilDiv(kFetchTerms, tiles)};
}

void IndirectGemm::runPanels(size_t problem, size_t passIndex, int64_t panel, int64_t panels, const float* b,
                             bool fetchesNext, int64_t rows, bool fetchesRows, const IndirectOperands& operands,
                             const Slot& slot) const {
  const GemmKernels& kernels = *spec_.kernels;
  const Part& part = parts_[problem];
  const Pass& pass = part.passes[passIndex];
  const int64_t group = panel / panelsPerGroup();
  const int64_t column = panel % panelsPerGroup() * panelWidth_;
  const bool isFirst = passIndex == 0;
  const bool isLast = passIndex + 1 == part.passes.size();

  IndirectTile tile;
  tile.columns = static_cast<int>(std::min(panels * panelWidth_, spec_.columns - column));
  const bool narrow = tile.columns <= kernels.lanes;
  const IndirectTileFn* family = panels == 2 ? kernels.pairs : narrow ? kernels.narrow : kernels.wide;
  const int64_t step = std::min<int64_t>(panels == 2 ? kernels.pairRows
                                         : narrow    ? kernels.narrowRows
                                                     : kernels.wideRows,
                                         part.mostTileRows);
  tile.rowStride = part.rowsPerBlock;
  tile.offset = part.copiesRows ? 0 : group * spec_.channels + pass.channel;
  tile.taps = pass.taps;
  tile.channels = pass.channels;
  tile.b = b;
  tile.panelStride = part.depth * panelWidth_;
  tile.column = group * spec_.columns + column;
  tile.contiguous = part.consecutive && spec_.targetPixel == tile.columns;
  tile.bias = isFirst ? operands.bias : nullptr;
  tile.activation = isLast ? spec_.activation : static_cast<int>(kActivationNone);
  tile.slope = spec_.slope;
  // As even as can be: a last tile of few rows would have too few sums in flight.
  const int64_t tiles = ceilDiv(rows, step);
  const int64_t least = rows / tiles, higher = tiles - rows % tiles;  // tiles from here on have a row more
  const int64_t farB = part.rows < kFewRows ? kFarBOfFewRows : hasFarL3() ? kBBeyondL2 : kFarB;
  // One tile alone reads B as fast as it comes: where it asked for more, 3 rows by 512 x 512 took 1.75 times as long.
  const bool fetchesB = tiles > 1 && fetchesNext &&
                        (spec_.packsInTasks ? pass.taps > 0 && !packsRows() : part.depth * spec_.columns > farB);
  tile.fetchesTarget = part.rows * spec_.columns * spec_.groups > (hasFarL3()                     ? kTargetBeyondL2
                                                                   : kernels.lanes == kLineFloats ? kFarTargetOfLines
                                                                                                  : kFarTarget);
  // Shares of a panel that is not packed are not evenly spaced.
  const int64_t most = fetchesB && operands.packed == nullptr ? 1 : tiles;
  for (int64_t i = 0, m = 0; i < tiles;) {
    const int64_t count = least + (i >= higher ? 1 : 0);
    tile.tiles = std::min(most, (i < higher ? higher : tiles) - i);
    if (fetchesB) tile.ahead[0] = nextPanels(problem, pass, panel + panels, panels, i, tiles, operands);
    if (fetchesRows) {
      const bool more = m + count < rows;
      tile.ahead[1] = {slot.rows[more ? m + count : m] + tile.offset, kLineFloats, more ? count : 0,
                       count * spec_.channels};
    }
    tile.rows = slot.rows + m;
    tile.c = slot.target + m;
    tile.residual = !isFirst                       ? const_cast<const float* const*>(slot.target) + m
                    : operands.residual != nullptr ? slot.residual + m
                                                   : nullptr;
    assert(family[count - 1] != nullptr);
    family[count - 1](tile);
    i += tile.tiles;
    m += tile.tiles * count;
  }
}

void IndirectGemm::runTask(size_t index, int64_t firstRow, int64_t lastRow, int64_t firstPanel, int64_t lastPanel,
                           const IndirectOperands& operands) const {
  const IndirectProblem& problem = spec_.problems[index];
  const Part& part = parts_[index];
  const Slot slot = this->slot(operands.scratch);
  // Rows that lie one after the other and are seen for the first time: hardware looks ahead too little.
  const bool fetchesRows = part.depth == spec_.channels && problem.flat() && spec_.sourcePixel == spec_.channels &&
                           operands.images * spec_.channels > kFarSource && part.passes.size() == 1 && !part.copiesRows;

  for (int64_t row = firstRow; row < lastRow; row += part.rowsPerBlock) {
    const int64_t count = std::min(part.rowsPerBlock, lastRow - row);
    fillTargetRows(problem, row, count, operands.target, spec_.targetPixel, slot.target);
    if (operands.residual != nullptr) {
      fillTargetRows(problem, row, count, const_cast<float*>(operands.residual), spec_.residualPixel,
                     const_cast<float**>(slot.residual));
    }
    for (size_t pass = 0; pass < part.passes.size(); ++pass) {
      const Pass& range = part.passes[pass];
      if (range.taps > 0) {
        fillSourceRows(problem, range.tap, range.taps, row, count, operands.source, spec_.sourcePixel,
                       reinterpret_cast<const float*>(operands.scratch), slot.rows, part.rowsPerBlock);
      }
      if (part.copiesRows) {
        for (int64_t m = 0; m < count; ++m) {
          float* copy = slot.copies + m * copyStride(range);
          std::memcpy(copy, slot.rows[m] + range.channel, static_cast<size_t>(range.channels) * sizeof(float));
          slot.rows[m] = copy;
        }
      }
      const bool packs = operands.packed == nullptr && range.taps > 0;
      int64_t packedFrom = firstPanel;
      // Packs it first, and those after it that are packed at once, where that has not been done.
      const auto preparePanel = [&](int64_t panel) -> const float* {
        if (operands.packed != nullptr) return packedPanel(part, range, panel, operands.packed);
        if (packs && (panel - firstPanel) % panelsAtOnce_ == 0) {
          packedFrom = panel;
          if (packsRows()) {
            packRows(index, range, panel, std::min(lastPanel, panel + panelsAtOnce_), operands.b, operands.scale,
                     {slot.panels, range.depth(), 0});
          } else {
            packPanel(index, range, panel, operands.b, operands.scale, slot.panels);
          }
        }
        return slot.panels + (columnsBefore(panel) - columnsBefore(packedFrom)) * range.depth();
      };
      // Of this task, or of the next one, which this thread runs too as a rule.
      const int64_t panelsAhead = part.passes.size() == 1 ? panels() : lastPanel;
      for (int64_t panel = firstPanel, taken = 0; panel < lastPanel; panel += taken) {
        taken = isPair(panel, lastPanel, count) ? 2 : 1;
        runPanels(index, pass, panel, taken, preparePanel(panel), panel + taken < panelsAhead, count,
                  fetchesRows && panel == firstPanel, operands, slot);
      }
    }
  }
}

void IndirectGemm::run(ThreadPool& pool, const IndirectOperands& operands) const {
  assert(operands.images <= spec_.images);
  std::memset(operands.scratch, 0, static_cast<size_t>(spec_.channels * spec_.groups) * sizeof(float));
  const auto rowTasksOf = [&](size_t i) {  // as many as the live rows deserve
    return ceilDiv(parts_[i].rowTasks * rowsOf(i, operands.images), std::max<int64_t>(1, parts_[i].rows));
  };
  const int64_t threads = pool.threads();
  // Those that pack read B in shorter pieces the more of them there are: no more than give each thread as many. Nor
  // more than leave each a pair of panels.
  const auto columnTasksOf = [&](size_t i) {
    const Part& part = parts_[i];
    const int64_t rowTasks = rowTasksOf(i), even = threads / std::gcd(threads, rowTasks), pairs = panels() / 2;
    int64_t wanted = threads == 1 ? 1 : ceilDiv(kTasksPerThread * threads, std::max<int64_t>(1, rowTasks));
    if (spec_.packsInTasks) wanted = std::min(wanted, roundUp(part.columnTasks, even));
    if (mayPair() && pairs >= even) wanted = std::min(wanted, pairs / even * even);
    return std::clamp(wanted, part.columnTasks, part.mostColumnTasks);
  };
  int64_t tasks = 0;
  for (size_t i = 0; i < parts_.size(); ++i) tasks += rowTasksOf(i) * columnTasksOf(i);
  pool.parallelFor(tasks, [&](int64_t task) {
    for (size_t i = 0; i < parts_.size(); ++i) {
      const int64_t rowTasks = rowTasksOf(i), columnTasks = columnTasksOf(i);
      if (task >= rowTasks * columnTasks) {
        task -= rowTasks * columnTasks;
        continue;
      }
      const int64_t rows = rowsOf(i, operands.images);
      const int64_t row = task / columnTasks, column = task % columnTasks;
      const auto rowAt = [&](int64_t r) { return rows * r / rowTasks; };
      runTask(i, rowAt(row), rowAt(row + 1), panels() * column / columnTasks, panels() * (column + 1) / columnTasks,
              operands);
      return;
    }
  });
}

}  // namespace striate
