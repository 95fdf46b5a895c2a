// How an IndirectGemm is cut into passes, blocks and tasks; all of it follows from shape and instruction set.
#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/gemm/indirect.h"

namespace striate {
namespace {

// Measured on Zen 4, avx2, FMA peak 118 GFLOP/s, one thread, quiet neighbours (busy ones cost 5 to 20 % wherever L3 or
// memory is streamed): ResNet's 3x3 layers 93 to 97 % of peak, 1x1 89 to 97, 147 terms by 64 columns 92 (68 before rows
// were fetched ahead), 49 rows 92 to 93 (tiles of 5 and 6 rows instead of 6 and 1), sgemm 1024 95, 2048 90 (passes of
// 512 terms; one pass 83). Tried and dropped: passes of 512 terms for fewer rows (3 % slower: results are read and
// written again), square tasks (equal), prefetches inside the loop of every tile (8 % slower: registers; hence a second
// copy of the loop, used where operands come from memory), B fetched ahead from L3 (2 % slower than the hardware does),
// a task's first panel fetched ahead by its own first tile (49 rows, 9 MB of B: equal).
// Of a panel in one pass. Of 4608 terms by 32 columns (576 KiB) neither it nor the rows were in L2 when their turn
// came: 512 channels of 3x3 in passes of three taps 1.17 to 1.26 times as fast (Intel Xeon, family 6, model 85), by 16
// columns in two passes 1.08 to 1.15.
constexpr int64_t kMostPanelFloats = 64 << 10;
// Of two panels side by side twice that were too much for L2, and one at a time is slower: 2048 terms by 512 columns in
// two passes, on the same Xeon, 49 rows 1.06 times as fast (B in memory 1.10), 98 1.15, 196 1.15 (two threads 1.18),
// 392 1.18; 3x3 of 256 channels to 14x14 at stride 2 1.06, of 512 to 7x7 0.97, 8 images 1.14. 768 and 512 terms: the
// same to 4 % more here, 3 % less with 1024.
constexpr int64_t kMostDepthOfPairs = 1152;
constexpr int64_t kReusedDepth = 512;  // where very many rows share a panel, so that a block of them stays in L2
constexpr int64_t kManyRows = 192, kVeryManyRows = 512;
// Of B; more does not stay in L2. It was read for every 48 rows: on an Intel Xeon (family 6, model 85; L3 gives 20
// GB/s) blocks of rows as high as fit made 3x3 of 256 channels at 14x14 1.18 times as fast (82 % of the peak instead of
// 69), 512 at 7x7 on 16 images 1.19, 1x1 of 1024 by 256 at 14x14 1.1, sgemm 2048 1.1. With 128 Ki floats 256 to 512
// channels at 56x56, whose results go to memory, lose 10 %.
constexpr int64_t kSharedFloats = 192 << 10;
constexpr int64_t kMostDepthInTask = 512;  // packed and used at once: 1152 is 5 % slower
// Rows of B that a task packs: of so many columns where there are as many and threads enough without, at least 1 KiB or
// half of that in one piece; and as many rows as make 512 KiB. One image of 512 channels to 512 filters of 3x3 at 7x7
// on an Intel Xeon (family 6, model 85; memory reads 8 GB/s; one thread), B in memory, ms by columns at a time: 32 9.5,
// 128 5.5, 256 4.2, 512 3.5. The depth of a pass, 64 to 256, and fetching the next pass ahead made no difference.
constexpr int64_t kMostPackedColumns = 512, kLeastPackedColumns = 128, kPackedFloats = 128 << 10;
constexpr int64_t kMostPointers = 5120;  // per block: 40 KiB
// Source floats of a block: 600 KiB of L2 where there is avx512 and with it 1 MiB of L2 (784 rows of 2048 terms gain 4
// % over 400), else 256 KiB for CPUs that have 512 (avx2 on the Xeon is within 1 % of 400 as a rule), 400 where every
// block packs B again.
constexpr int64_t kBlockFloatsOfAvx512 = 150 << 10, kBlockFloats = 64 << 10, kPackingBlockFloats = 100 << 10;
constexpr int64_t kLeastRows = 24, kMostBlock = 480;
constexpr int64_t kLeastBlock = 54;  // one image of 7x7 pixels is one block
constexpr double kTaskFlops =
    2.5e6;                           // 25 us at 100 GFLOP/s; of 10 us, 2048 to 512 channels at 7x7 fall from 79 to 41 %
constexpr double kSplitFlops = 2e6;  // 20 us: two tasks from there on
constexpr double kMostTasks = 128;
// Rows so many floats apart share the 8 ways of a set of L1 with each other and with B: with tiles of 14 rows, 1024
// channels took 12 % longer than on avx2, now 4 % less.
constexpr int64_t kSetFloats = 1024, kRowsOfSet = 7;
// A block of such rows is copied, closer together, where so many panels use it: sgemm 2048 1.12 times as fast on an
// Intel Xeon (family 6, model 85), 1024 1.03; by 16 panels 3 % slower.
constexpr int64_t kLeastPanelsOfCopy = 24;
constexpr int64_t kLineFloats = 16;
constexpr int64_t kManyTasks = 16;  // of which one more or less does not matter

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

// Three tasks take two threads as long as four do: MobileNetV2's layers of 10 MFLOP went 1.4 times as fast on two,
// now 1.9.
int64_t evenly(double tasks) {
  const auto whole = std::max<int64_t>(1, static_cast<int64_t>(tasks));
  return whole > 1 && whole < kManyTasks ? roundUp(whole, 2) : whole;
}

}  // namespace

IndirectGemm::IndirectGemm(IndirectSpec spec) : spec_(std::move(spec)) {
  panelWidth_ = spec_.columns <= spec_.kernels->lanes ? spec_.kernels->lanes : 2 * spec_.kernels->lanes;
  if (packsRows()) panelsAtOnce_ = std::min(panels(), ceilDiv(kMostPackedColumns, panelWidth_));
  // Phases of a stride differ in their number of taps: the long ones first, so that short ones fill the end of a run.
  std::stable_sort(spec_.problems.begin(), spec_.problems.end(),
                   [](const IndirectProblem& a, const IndirectProblem& b) { return a.taps.size() > b.taps.size(); });
  parts_.resize(spec_.problems.size());

  const auto workOf = [&](size_t i) {  // multiply-adds
    const double depth = static_cast<double>(spec_.problems[i].taps.size()) * static_cast<double>(spec_.channels);
    return static_cast<double>(rowsOf(i, spec_.images)) * std::max(1.0, depth) *
           static_cast<double>(spec_.columns * spec_.groups);
  };
  double work = 0;
  for (size_t i = 0; i < parts_.size(); ++i) work += workOf(i);
  const double tasks = 2 * work < kSplitFlops ? 1.0 : std::clamp(2 * work / kTaskFlops, 2.0, kMostTasks);

  int64_t packed = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const IndirectProblem& problem = spec_.problems[i];
    Part& part = parts_[i];
    const int64_t taps = static_cast<int64_t>(problem.taps.size());
    const int64_t rows = rowsOf(i, spec_.images);
    part.depth = taps * spec_.channels;
    part.consecutive = problem.flat() || (problem.gridH == problem.targetH && problem.gridW == problem.targetW &&
                                          problem.targetStepH == 1 && problem.targetStepW == 1 &&
                                          problem.targetH0 == 0 && problem.targetW0 == 0);
    part.packedOffset = packed;
    packed += part.depth * roundUp(spec_.columns, spec_.kernels->lanes) * spec_.groups;
    part.sourcePerRow = std::min(static_cast<double>(taps),
                                 static_cast<double>(problem.sourceH) * static_cast<double>(problem.sourceW) /
                                     (static_cast<double>(problem.gridH) * static_cast<double>(problem.gridW)));

    planPasses(part, taps, rows);
    planTasks(part, rows, work > 0 ? tasks * workOf(i) / work : 1.0);
    planRows(part, problem);
    int64_t passTaps = 1;
    for (const Pass& pass : part.passes) {
      passTaps = std::max(passTaps, pass.taps);
      if (!spec_.packsInTasks) continue;
      panelFloats_ = std::max(panelFloats_, pass.depth() * panelsAtOnce_ * panelWidth_);
    }
    blockRows_ = std::max(blockRows_, part.rowsPerBlock);
    blockPointers_ = std::max(blockPointers_, part.rowsPerBlock * passTaps);
  }
}

// How rows are read that would evict each other from L1: copied, or few at a time.
void IndirectGemm::planRows(Part& part, const IndirectProblem& problem) {
  const bool evict = spec_.sourcePixel * problem.sourceStepW % kSetFloats == 0;
  part.copiesRows = evict && spec_.kernels->wideRows > kRowsOfSet && spec_.groups == 1 && problem.taps.size() == 1 &&
                    panels() >= kLeastPanelsOfCopy;
  part.mostTileRows = evict && !part.copiesRows ? kRowsOfSet : kMaxTileRows;
  if (!part.copiesRows) return;
  for (const Pass& pass : part.passes) copyFloats_ = std::max(copyFloats_, part.rowsPerBlock * copyStride(pass));
}

// An odd number of lines, so never a multiple of kSetFloats.
int64_t IndirectGemm::copyStride(const Pass& pass) { return roundUp(pass.channels, 2 * kLineFloats) + kLineFloats; }

size_t IndirectGemm::packedBytesOf(const IndirectSpec& spec) {
  int64_t taps = 0;
  for (const IndirectProblem& problem : spec.problems) taps += static_cast<int64_t>(problem.taps.size());
  return static_cast<size_t>(taps * spec.channels * roundUp(spec.columns, spec.kernels->lanes) * spec.groups) *
         sizeof(float);
}

void IndirectGemm::planPasses(Part& part, int64_t taps, int64_t rows) const {
  if (taps == 0) {
    part.passes.push_back({0, 0, 0, 0});
    return;
  }
  int64_t most = spec_.packsInTasks                       ? kMostDepthInTask
                 : mayPair() && rows >= kLeastRowsOfPairs ? kMostDepthOfPairs
                                                          : kMostPanelFloats / panelWidth_;
  if (spec_.packsInTasks && packsRows()) {
    most = std::min(most, kPackedFloats / std::min(panels() * panelWidth_, kMostPackedColumns));
  }
  if (taps == 1 && rows >= kVeryManyRows && spec_.channels >= 4 * kReusedDepth) most = kReusedDepth;
  if (spec_.channels <= most) {
    const int64_t mostTaps = std::min(kMostPointers / kLeastBlock, most / spec_.channels);
    const int64_t each = ceilDiv(taps, ceilDiv(taps, mostTaps));
    for (int64_t tap = 0; tap < taps; tap += each) {
      part.passes.push_back({tap, std::min(each, taps - tap), 0, spec_.channels});
    }
    return;
  }
  const int64_t each = roundUp(ceilDiv(spec_.channels, ceilDiv(spec_.channels, most)), 16);
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t k = 0; k < spec_.channels; k += each)
      part.passes.push_back({tap, 1, k, std::min(each, spec_.channels - k)});
  }
}

int64_t IndirectGemm::blockLimit(const Part& part, int64_t passTaps, int64_t passChannels) const {
  const double pixels = std::clamp(part.sourcePerRow, 1.0, std::max(1.0, static_cast<double>(passTaps)));
  const double floats = pixels * static_cast<double>(std::max<int64_t>(passChannels, 1));
  const int64_t most = spec_.kernels->lanes == kLineFloats ? kBlockFloatsOfAvx512
                       : spec_.packsInTasks                ? kPackingBlockFloats
                                                           : kBlockFloats;
  const int64_t rows =
      std::clamp<int64_t>(static_cast<int64_t>(static_cast<double>(most) / floats), kLeastBlock, kMostBlock);
  return std::max<int64_t>(kLeastBlock, std::min(rows, kMostPointers / std::max<int64_t>(passTaps, 1)));
}

// A task is a rectangle of the result. With B packed beforehand it is some rows and all columns, so that pointers and
// results are used for all of them: few rows where B stays in L2, else a block of them, as high as fits there, for each
// task reads all of B. A task that packs its columns itself is such a block of rows.
void IndirectGemm::planTasks(Part& part, int64_t rows, double tasks) const {
  const Pass& pass = part.passes[0];
  const int64_t step = spec_.kernels->wideRows;
  const int64_t block = roundUp(blockLimit(part, pass.taps, pass.channels), step);
  const int64_t wanted = evenly(tasks);
  if (spec_.packsInTasks) {
    part.rowTasks = ceilDiv(rows, block);
    part.mostColumnTasks =
        std::clamp<int64_t>(wanted / part.rowTasks, 1, rows < kManyRows ? panels() : ceilDiv(panels(), 2));
    part.columnTasks = part.mostColumnTasks;
    if (packsRows()) {
      const int64_t columns = panels() * panelWidth_;
      part.mostColumnTasks = std::min(part.mostColumnTasks, ceilDiv(columns, kLeastPackedColumns));
      part.columnTasks = std::min(part.mostColumnTasks, ceilDiv(columns, kMostPackedColumns));
    }
  } else {
    const bool staysInL2 = part.depth * spec_.columns <= kSharedFloats;
    part.rowTasks =
        std::clamp<int64_t>(wanted, 1, staysInL2 ? std::max<int64_t>(1, rows / kLeastRows) : ceilDiv(rows, block));
    part.mostColumnTasks = std::clamp<int64_t>(wanted / part.rowTasks, 1, panels());
  }
  part.rows = rows;
  const int64_t taskRows = ceilDiv(ceilDiv(rows, step), part.rowTasks) * step;
  part.rowsPerBlock = roundUp(ceilDiv(taskRows, ceilDiv(taskRows, block)), step);
}

}  // namespace striate
