// A kernel slid over a batch of images on the pool: the forward op and, over images framed with zeros, the gradient of
// its input.
#pragma once
#include <vector>

#include "kernels/filter2d/filter2d.h"
#include "kernels/filter2d/weights.h"
#include "kernels/op.h"

namespace striate {

// Matrices as they lie in memory, `stride` floats from row to row.
struct FilterMatrix {
  int64_t rows, columns, stride;
};

class Slide {
 public:
  // x is framed with `padTop` and `padLeft` zeros on either side, so that y has the size that is left of it.
  // `left` is the kernel itself where `right` has no rows.
  Slide(const TensorDesc& x, const TensorDesc& y, FilterMatrix left, FilterMatrix right, int64_t padTop,
        int64_t padLeft, Isa isa);

  size_t scratchBytes() const { return tableBytes() + slots_ * slotBytes_; }
  // left and right as planned; right may be null.
  void run(const RunContext& context, const void* x, const float* left, const float* right, float offset,
           void* y) const;

 private:
  struct Tables;
  struct Place;
  size_t tableBytes() const;
  void slideStrip(const Tables& tables, const Place& place, int64_t begin, int64_t end) const;
  const float* rowOf(const Place& place, int64_t row) const;
  void fillRing(const Tables& tables, const Place& place, int64_t row) const;
  void readRow(const Place& place, int64_t row, float* to) const;
  void scatter(const Place& place, int64_t row, int64_t rows) const;

  TensorDesc x_, y_;
  FilterMatrix left_, right_;
  int64_t kernelH_, kernelW_, padTop_, padLeft_;
  const Filter2dKernels& kernels_;
  bool factored_;
  bool inPlace_;  // rows of x are read where they are
  bool bytesIn_, bytesOut_;
  int64_t rowElements_;  // of y
  int64_t strip_;        // elements of a row of y in a task, at most
  int64_t bandRows_;     // rows of y in a task, at most
  int64_t ringRow_;      // floats of a row of the ring
  int64_t wide_;         // floats of x under a strip
  size_t slots_, slotBytes_;
};

}  // namespace striate
