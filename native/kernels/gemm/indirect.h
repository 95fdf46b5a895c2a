// The driver of the indirect tile: convolution forward, its input gradient and matmul are all
//
//   target[r][g, n] = act(sum over taps t, channels k of source[pixel(r, t)][g, k] * B[t][g, k, n] + bias[n] +
//   residual[r][g, n])
//
// where r runs over a grid of target pixels and pixel(r, t) is affine in r. A plan is immutable; several runs may use
// it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/cpu.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"

namespace striate {

// Row r = (image, i, j) of the grid reads source pixel (i * sourceStepH + tap.h, j * sourceStepW + tap.w), zeros where
// that lies outside, and writes target pixel (i * targetStepH + targetH0, j * targetStepW + targetW0).
// A convolution is one problem; its input gradient at stride s is s * s of them, with the taps dealt out among them.
struct Tap {
  int64_t h, w;
  int64_t index;  // of the filter's tap
};
struct IndirectProblem {
  int64_t gridH = 1, gridW = 1;
  int64_t sourceH = 1, sourceW = 1, sourceStepH = 1, sourceStepW = 1;
  int64_t targetH = 1, targetW = 1, targetStepH = 1, targetStepW = 1, targetH0 = 0, targetW0 = 0;
  std::vector<Tap> taps;
  // Each image is one pixel in and one out: rows are evenly spaced, as in matmul and 1x1 convolution.
  bool flat() const {
    return gridH * gridW == 1 && sourceH * sourceW == 1 && targetH * targetW == 1 && taps.size() == 1 &&
           taps[0].h == 0 && taps[0].w == 0;
  }
};

// rows[t * rowStride + m] for rows first .. first + count of the grid and taps firstTap .. firstTap + taps; `pixel` is
// the source's pixel stride, `zeros` stands for pixels outside.
void fillSourceRows(const IndirectProblem& problem, int64_t firstTap, int64_t taps, int64_t first, int64_t count,
                    const float* source, int64_t pixel, const float* zeros, const float** rows, int64_t rowStride);
// rows[m]: the target pixel of row first + m.
void fillTargetRows(const IndirectProblem& problem, int64_t first, int64_t count, float* target, int64_t pixelStride,
                    float** rows);

struct IndirectSpec {
  const GemmKernels* kernels = nullptr;
  int64_t images = 0;                                           // capacity
  int64_t channels = 0, columns = 0, groups = 1;                // channels and columns of one group
  int64_t sourcePixel = 0, targetPixel = 0, residualPixel = 0;  // strides in elements
  int activation = kActivationNone;
  float slope = 0;
  // B[t][g, k, n] = b[t.index * bTap + g * bGroup + k * bChannel + n * bColumn]; bChannel or bColumn is 1
  int64_t bTap = 0, bGroup = 0, bChannel = 0, bColumn = 0;
  std::vector<IndirectProblem> problems;
  // B is packed by the tasks that use it, a pass at a time, instead of once by pack().
  bool packsInTasks = false;
};

struct IndirectOperands {
  int64_t images = 0;  // live
  const float* source = nullptr;
  const float* packed = nullptr;  // by pack(); null with packsInTasks
  const float* bias = nullptr;
  const float* residual = nullptr;  // may be target itself
  float* target = nullptr;
  std::byte* scratch = nullptr;
  const float* b = nullptr;      // with packsInTasks
  const float* scale = nullptr;  // likewise; as in pack()
};

class IndirectGemm {
 public:
  explicit IndirectGemm(IndirectSpec spec);

  static size_t packedBytesOf(const IndirectSpec& spec);
  bool packsInTasks() const { return spec_.packsInTasks; }
  size_t packedBytes() const { return packedBytesOf(spec_); }
  // B times scale[g * columns + n], if there is one.
  void pack(ThreadPool& pool, const float* b, const float* scale, float* packed) const;

  size_t scratchBytes() const;
  void run(ThreadPool& pool, const IndirectOperands& operands) const;

 private:
  // A part of the contraction: whole taps, or some channels of one tap. Later passes add to the target.
  struct Pass {
    int64_t tap, taps, channel, channels;
    int64_t depth() const { return taps * channels; }
  };
  struct Part {  // of one problem
    std::vector<Pass> passes;
    int64_t depth = 0;         // taps * channels
    bool consecutive = false;  // row r writes target pixel r
    int64_t packedOffset = 0;
    int64_t rowsPerBlock = 0;  // whose pointers are made at once, and whose source should stay in L2
    int64_t rows = 0;          // at capacity
    int64_t mostTileRows = 0;  // that do not evict each other from L1
    bool copiesRows = false;   // those of a block, closer together than they lie in the source
    int64_t rowTasks = 1;
    int64_t columnTasks = 1, mostColumnTasks = 1;  // more where threads would have too few
    double sourcePerRow = 1;                       // source pixels that one row of the grid adds
  };
  struct Slot {  // of one thread
    const float** rows;
    float** target;
    const float** residual;
    float* panels;  // packed in this task
    float* copies;  // of the source's rows
  };

  static constexpr int64_t kLeastRowsOfPairs = 24;  // fewer would not make tiles of five and six

  int64_t panelsPerGroup() const { return (spec_.columns + panelWidth_ - 1) / panelWidth_; }
  int64_t panels() const { return panelsPerGroup() * spec_.groups; }
  int64_t rowsOf(size_t problem, int64_t images) const {
    return images * spec_.problems[problem].gridH * spec_.problems[problem].gridW;
  }
  int64_t blockLimit(const Part& part, int64_t passTaps, int64_t passChannels) const;
  void planPasses(Part& part, int64_t taps, int64_t rows) const;
  void planTasks(Part& part, int64_t rows, double tasks) const;
  void planRows(Part& part, const IndirectProblem& problem);
  static int64_t copyStride(const Pass& pass);
  size_t zeroBytes() const;
  size_t pointerBytes() const;
  size_t slotBytes() const;
  Slot slot(std::byte* scratch) const;

  // Whether a row of B lies in one piece.
  bool packsRows() const { return spec_.bColumn == 1; }
  int64_t widthOf(int64_t panel) const;
  // Columns of packed panels that come before this one's.
  int64_t columnsBefore(int64_t panel) const;
  void packPanel(size_t problem, const Pass& pass, int64_t panel, const float* b, const float* scale, float* to) const;
  // Where in panels of `depth` terms, the first of which is `to`, a pass begins.
  struct PackedPanels {
    float* to;
    int64_t depth, firstTerm;
  };
  void packRows(size_t problem, const Pass& pass, int64_t firstPanel, int64_t lastPanel, const float* b,
                const float* scale, const PackedPanels& packed) const;
  // Where a pass begins in a panel that pack() has packed.
  const float* packedPanel(const Part& part, const Pass& pass, int64_t panel, const float* packed) const;
  // Whether tiles may be two panels wide: of any, and of this panel and the next one.
  bool mayPair() const {
    return spec_.kernels->pairRows > 0 && spec_.columns >= 2 * panelWidth_ && !spec_.packsInTasks;
  }
  bool isPair(int64_t panel, int64_t lastPanel, int64_t rows) const;
  Ahead nextPanels(size_t problem, const Pass& pass, int64_t panel, int64_t panels, int64_t tile, int64_t tiles,
                   const IndirectOperands& operands) const;
  void runTask(size_t problem, int64_t firstRow, int64_t lastRow, int64_t firstPanel, int64_t lastPanel,
               const IndirectOperands& operands) const;
  // Of this panel, or of it and the next one.
  void runPanels(size_t problem, size_t pass, int64_t panel, int64_t panels, const float* b, bool fetchesNext,
                 int64_t rows, bool fetchesRows, const IndirectOperands& operands, const Slot& slot) const;

  IndirectSpec spec_;
  std::vector<Part> parts_;
  int64_t panelWidth_ = 0;
  int64_t blockRows_ = 0;  // the most of any problem
  int64_t blockPointers_ = 0;
  int64_t panelsAtOnce_ = 1;  // that a task packs
  int64_t panelFloats_ = 0;   // of them
  int64_t copyFloats_ = 0;
};

// The table for results of so many columns: on avx512 that of avx2 where vectors of 16 would stay empty too often.
const GemmKernels& gemmKernels(Isa isa, int64_t columns);
// How its tiles are called in kernel names: "6x16".
const char* wideTileName(const GemmKernels& kernels);

}  // namespace striate
