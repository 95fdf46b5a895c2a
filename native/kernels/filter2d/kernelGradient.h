// The gradient of a kernel that was slid over images: dkernel[a,b] = sum over n, i, j, c of x[n, i+a, j+b, c] *
// dy[n, i, j, c].
#pragma once
#include "kernels/filter2d/filter2d.h"
#include "kernels/filter2d/slide.h"
#include "kernels/op.h"

namespace striate {

// Sums over rows of dy in chunks that shape and capacity fix, each by one task into sums of its own in double.
class KernelGradient {
 public:
  KernelGradient(const TensorDesc& x, const TensorDesc& dy, FilterMatrix dkernel, Isa isa);
  size_t scratchBytes() const;
  void run(const RunContext& context, const float* x, const float* dy, float* dkernel) const;

 private:
  void sumChunk(const float* x, const float* dy, int64_t rows, int64_t chunk, float* rowScratch, double* sums) const;

  TensorDesc x_, dy_;
  FilterMatrix dkernel_;
  const Filter2dKernels& kernels_;
  int64_t chunkRows_, chunks_;  // rows of dy, over all images
  int64_t rowFloats_;           // scratch for a row of x and one of dy, where they are strided
};

}  // namespace striate
