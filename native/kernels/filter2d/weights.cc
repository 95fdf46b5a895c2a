#include "kernels/filter2d/weights.h"

namespace striate {
namespace {

int64_t mostWeights(int64_t rows, int64_t columns, bool two) { return (rows + (two ? 1 : 0)) * columns; }

}  // namespace

WeightTable::WeightTable(std::byte* memory, int64_t rows, int64_t columns, bool two)
    : rows_(rows), columns_(columns), two_(two) {
  const int64_t most = mostWeights(rows, columns, two);
  spots_ = reinterpret_cast<FilterSpot*>(memory);
  runs_ = reinterpret_cast<FilterRun*>(spots_ + most);
  weights_ = reinterpret_cast<float*>(runs_ + most);
}

size_t WeightTable::bytes(int64_t rows, int64_t columns, bool two) {
  constexpr size_t kEach = sizeof(FilterSpot) + sizeof(FilterRun) + 2 * sizeof(float);
  return static_cast<size_t>(mostWeights(rows, columns, two)) * kEach;
}

// Row by row of the window, so that either row of y meets its weights in the order of the kernel.
void WeightTable::build(const float* matrix, int64_t rowStride) {
  count_ = runCount_ = 0;
  for (int64_t row = 0; row < rows_ + (two_ ? 1 : 0); ++row) {
    for (int64_t column = 0; column < columns_; ++column) {
      const float first = row < rows_ ? matrix[row * rowStride + column] : 0.0f;
      const float second = two_ && row > 0 ? matrix[(row - 1) * rowStride + column] : 0.0f;
      // A NaN is no 0.
      if (first != 0 && second != 0) {
        add(FilterRows::both, first, second, row, column);
      } else if (first != 0) {
        add(FilterRows::first, first, 0, row, column);
      } else if (second != 0) {
        add(FilterRows::second, 0, second, row, column);
      }
    }
  }
}

void WeightTable::add(FilterRows rows, float first, float second, int64_t row, int64_t column) {
  if (runCount_ == 0 || runs_[runCount_ - 1].rows != rows) runs_[runCount_++] = {count_, rows};
  weights_[2 * count_] = first;
  weights_[2 * count_ + 1] = second;
  spots_[count_] = {row, column};
  runs_[runCount_ - 1].end = ++count_;
}

}  // namespace striate
