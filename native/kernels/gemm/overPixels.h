// The driver of the pixel tile: the filter gradient and matmul with transposeA are both
//
//   target[t.index * channels + m][g, n] = sum over rows r of source[pixel(r, t)][g, m] * b[r][g, n]
//
// with pixel(r, t) as in indirect.h. The sum is cut at fixed places, which follow from capacity and ISA only: partial
// sums of large chunks go to scratch and are added in order, so the bits are the same for any number of threads.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/pool.h"
#include "kernels/gemm/indirect.h"

namespace striate {

struct OverPixelsSpec {
  const GemmKernels* kernels = nullptr;
  int64_t images = 0;                             // capacity
  int64_t channels = 0, columns = 0, groups = 1;  // of one group
  int64_t sourcePixel = 0, bPixel = 0, targetPixel = 0;
  bool bTransposed = false;  // b[r][n] lies at b[n * bPixel + r]
  IndirectProblem problem;   // its target fields are not used
};

struct OverPixelsOperands {
  int64_t images = 0;  // live
  const float* source = nullptr;
  const float* b = nullptr;
  float* target = nullptr;
  bool add = false;  // target += instead of =
  std::byte* scratch = nullptr;
};

class OverPixelsGemm {
 public:
  explicit OverPixelsGemm(OverPixelsSpec spec);
  size_t scratchBytes() const;
  void run(ThreadPool& pool, const OverPixelsOperands& operands) const;
  int64_t chunks() const { return chunks_; }

 private:
  struct Slot {  // of one thread
    const float** rows;
    float* b;
    float* planes;
  };
  struct Area {  // what a task computes: these planes by these panels (of each group) ...
    int64_t firstPlane, lastPlane, firstPanel, lastPanel;
    float* target;
    int64_t targetPixel;
  };
  struct Block {  // ... over these rows, a block at a time
    int64_t row, count;
    bool add;
  };
  // Source pixels first .. last hold all that some rows of the grid read.
  struct Pixels {
    int64_t first, last;
  };

  int64_t taps() const { return static_cast<int64_t>(spec_.problem.taps.size()); }
  int64_t targetRows() const { return taps() * spec_.channels; }
  int64_t width() const { return spec_.columns * spec_.groups; }
  int64_t planesPerGroup() const { return (spec_.channels + planeRows_ - 1) / planeRows_; }
  int64_t panelsPerGroup() const { return (spec_.columns + panelWidth_ - 1) / panelWidth_; }
  int64_t planeStride() const;
  Pixels pixelsOf(int64_t row, int64_t count) const;
  void planTasks(int64_t rows);
  void planBlocks(int64_t rows);
  size_t zeroBytes() const;
  size_t slotBytes() const;
  size_t partialFloats() const;
  Slot slot(std::byte* scratch) const;
  void packBlock(const OverPixelsOperands& operands, int64_t group, const Area& area, const Block& block,
                 float* packed) const;
  void runTask(const OverPixelsOperands& operands, int64_t firstRow, int64_t lastRow, const Area& area, bool add) const;
  void runGroup(const OverPixelsOperands& operands, int64_t group, const Area& area, const Block& block,
                const Slot& slot) const;
  void runTap(int64_t tap, int64_t group, const Area& area, const Block& block, const Slot& slot) const;
  void addPartials(ThreadPool& pool, const OverPixelsOperands& operands, const float* partials, int64_t live) const;

  OverPixelsSpec spec_;
  int64_t panelWidth_ = 0;
  int planeRows_ = 0;           // channels of one tap that a tile computes
  bool packsPlanes_ = false;    // the source's planes are copied, else read in place
  bool gathers_ = false;        // ... as the one tap meets them, else as they lie in the image
  bool fetchesSource_ = false;  // asks for what is read in place, pixel by pixel
  int64_t planeTasks_ = 1, panelTasks_ = 1;
  int64_t planesPerTask_ = 1, panelsPerTask_ = 1;
  int64_t mostPixels_ = 0;  // of a block's source
  int64_t blockRows_ = 0;   // rows whose b is packed and whose pointers are made at once
  int64_t chunkRows_ = 0;
  int64_t chunks_ = 1;
};

}  // namespace striate
