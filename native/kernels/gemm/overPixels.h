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
  struct Slot {
    const float** rows;
    float* b;
  };
  int64_t targetRows() const { return static_cast<int64_t>(spec_.problem.taps.size()) * spec_.channels; }
  size_t zeroBytes() const;
  size_t slotBytes() const;
  size_t partialFloats() const;
  void packBlock(const OverPixelsOperands& operands, int64_t group, int64_t row, int64_t count, float* packed) const;
  void runTask(const OverPixelsOperands& operands, int64_t firstRow, int64_t lastRow, int64_t firstUnit,
               int64_t lastUnit, float* target, int64_t targetPixel, bool add) const;
  void runTap(int64_t tap, int64_t group, int64_t firstChannel, int64_t lastChannel, int64_t count, const Slot& slot,
              float* target, int64_t targetPixel, bool add) const;

  OverPixelsSpec spec_;
  int64_t panelWidth_ = 0;
  int64_t unitChannels_ = 0;  // a unit of area: this many channels of one tap of one group
  int64_t unitsPerTap_ = 0;
  int64_t unitsPerTask_ = 0;
  int64_t blockRows_ = 0;  // rows whose b is packed and whose pointers are made at once
  int64_t chunkRows_ = 0;
  int64_t chunks_ = 1;
};

}  // namespace striate
