// The driver of Winograd's forward convolution and of its input gradient, which is the same with the filter rotated and
// its channels exchanged.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/pool.h"
#include "kernels/winograd/winograd.h"

namespace striate {

// How the work is laid out; chosen from shape and instruction set (choose.h).
struct WinogradLayout {
  int edge = 4;             // 4 or 2: outputs of a tile, squared
  int64_t blockTiles = 1;   // whose points are in memory at once
  int64_t groupPanels = 1;  // whose products are in memory at once
  // false: a thread takes a block through all stages, in memory of its own. true: all threads share the points of a
  // block, and split first its tiles, then the panels, where blocks do not go evenly into threads.
  bool shared = false;
  int64_t blocksPerTask = 1;  // where not shared
  bool split = true;          // false: too little work for a second thread
  // A single block: the filter's panels are transformed by the tasks that use them, in memory that stays near, instead
  // of by pack().
  bool packsInTasks = false;
};

struct WinogradSpec {
  const WinogradKernels* kernels = nullptr;
  WinogradLayout layout;
  int64_t images = 0;  // capacity
  int64_t sourceH = 0, sourceW = 0, channels = 0;
  int64_t targetH = 0, targetW = 0, columns = 0;
  int64_t top = 0, left = 0;  // target pixel (i, j) reads source pixels from (i - top, j - left); any sign
  int64_t sourcePixel = 0, targetPixel = 0, residualPixel = 0;  // strides in elements
  int activation = kActivationNone;
  float slope = 0;
  int64_t tapStride = 0, depthStride = 0, columnStride = 0;  // of the filter, as in WinogradFilter
  bool rotated = false;

  int64_t tileRows() const { return (targetH + layout.edge - 1) / layout.edge; }
  int64_t tileColumns() const { return (targetW + layout.edge - 1) / layout.edge; }
  int64_t tilesPerImage() const { return tileRows() * tileColumns(); }
};

struct WinogradOperands {
  int64_t images = 0;  // live
  const float* source = nullptr;
  const float* packed = nullptr;  // by pack(); null with packsInTasks
  const float* bias = nullptr;
  const float* residual = nullptr;
  float* target = nullptr;
  std::byte* scratch = nullptr;
  const float* filter = nullptr;  // with packsInTasks
  const float* scale = nullptr;   // likewise; as in pack()
};

class WinogradConv {
 public:
  explicit WinogradConv(const WinogradSpec& spec);

  size_t packedBytes() const;
  // `scale`: one factor per filter (a column where not rotated), or null.
  void pack(ThreadPool& pool, const float* filter, const float* scale, float* packed) const;

  size_t scratchBytes() const;
  void run(ThreadPool& pool, const WinogradOperands& operands) const;

  int64_t panels() const { return (spec_.columns + panelWidth_ - 1) / panelWidth_; }

  bool packsInTasks() const { return spec_.layout.packsInTasks; }

  void gatherTiles(int64_t first, int64_t count, const WinogradOperands& operands, float* v) const;
  struct Terms {  // channels of the source
    int64_t first, count;
  };
  // `packed`: of these terms of firstPanel. Terms but the first are added.
  void multiply(int64_t firstPanel, int64_t lastPanel, int64_t count, const Terms& terms, const float* packed,
                const float* v, float* m) const;
  void scatterTiles(int64_t firstPanel, int64_t lastPanel, int64_t first, int64_t count,
                    const WinogradOperands& operands, const float* m) const;

 private:
  struct Blocks {
    int64_t tiles;  // of one
    bool shared;    // by the threads, as in WinogradLayout
  };
  Blocks blocksFor(int64_t threads, int64_t tiles) const;
  void packTerms(int64_t panel, const Terms& terms, const float* filter, const float* scale, float* packed,
                 int64_t pointStride) const;
  // `own`: memory of this task, the products and what it packs.
  void runPanels(int64_t firstPanel, int64_t lastPanel, int64_t first, int64_t count, const WinogradOperands& operands,
                 const float* v, float* own) const;
  int panelColumns(int64_t panel) const;
  int widthOf(int columns) const { return columns <= spec_.kernels->lanes ? spec_.kernels->lanes : panelWidth_; }
  const WinogradMember& member() const { return spec_.layout.edge == 4 ? spec_.kernels->four : spec_.kernels->two; }
  int64_t points() const { return winogradPoints(spec_.layout.edge); }
  // A cache line between the points: their distance must not be a power of two, or what is written to all of them at
  // once would meet in one set of L1.
  static int64_t pointFloats(int width, int64_t terms) { return terms * width + 16; }
  int64_t panelFloats(int64_t terms) const { return points() * pointFloats(panelWidth_, terms); }

  WinogradSpec spec_;
  int panelWidth_;
  int64_t depth_;                   // channels, rounded up to whole vectors
  int64_t taskTerms_ = 0;           // that a task packs at a time
  int64_t vPoint_, mRow_, mPoint_;  // strides
  size_t vBytes_, mBytes_, uBytes_ = 0;
};

}  // namespace striate
