// The weights of a kernel in the order in which they are summed, without those that are 0.
#pragma once
#include "kernels/filter2d/filter2d.h"

namespace striate {

// A weight of a matrix [rows][columns] meets row `row` of the window, counted from the first row of y, at its column.
struct FilterSpot {
  int64_t row, column;
};

// Lies in memory of the caller's: bytes() of it, aligned to 8.
class WeightTable {
 public:
  // For two rows of y at once, or for one.
  WeightTable(std::byte* memory, int64_t rows, int64_t columns, bool two);
  static size_t bytes(int64_t rows, int64_t columns, bool two);

  // `rowStride` floats from row to row.
  void build(const float* matrix, int64_t rowStride);

  int64_t count() const { return count_; }
  const FilterSpot& spot(int64_t i) const { return spots_[i]; }
  FilterWeights view() const { return {weights_, runs_, runCount_}; }

 private:
  void add(FilterRows rows, float first, float second, int64_t row, int64_t column);

  int64_t rows_, columns_;
  bool two_;
  FilterSpot* spots_;
  FilterRun* runs_;
  float* weights_;
  int64_t count_ = 0;
  int64_t runCount_ = 0;
};

}  // namespace striate
