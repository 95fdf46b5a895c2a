// Builds encoded Programs in C++, word for word as lib/backend/native/encode.ts does.
#pragma once
#include <array>
#include <initializer_list>
#include <vector>

#include "program/program.h"

namespace striate {

class ProgramBuilder {
 public:
  explicit ProgramBuilder(double rows) : rows_(rows) {}

  int storage(StorageKind kind, double size, Dtype dtype = Dtype::f32, double stateTensor = 0) {
    append(storages_, std::array{static_cast<double>(kind), static_cast<double>(dtype), size, stateTensor});
    return static_cast<int>(storages_.size() / 4) - 1;
  }
  int buffer(int storage, std::vector<double> sizes, bool batched, double offset = 0, double pixelStride = 0) {
    const double stride = pixelStride > 0 ? pixelStride : sizes.back();
    const double rank = static_cast<double>(sizes.size());
    sizes.resize(kMaxRank, 0);
    append(buffers_, std::array{static_cast<double>(storage), offset, stride, batched ? 1.0 : 0.0, rank});
    append(buffers_, sizes);
    return static_cast<int>(buffers_.size() / (5 + kMaxRank)) - 1;
  }
  // `operands`: buffers of the operands, then of the results.
  void prepare(double op, std::initializer_list<double> operands, std::initializer_list<double> attributes = {}) {
    step(0, op, operands, attributes);
  }
  void step(double op, std::initializer_list<double> operands, std::initializer_list<double> attributes = {}) {
    step(1, op, operands, attributes);
  }
  void commit(double op, std::initializer_list<double> operands, std::initializer_list<double> attributes = {}) {
    step(2, op, operands, attributes);
  }

  std::vector<double> words() const {
    std::vector<double> words = {0x53545249,
                                 1,
                                 rows_,
                                 static_cast<double>(storages_.size() / 4),
                                 static_cast<double>(buffers_.size() / (5 + kMaxRank)),
                                 counts_[0],
                                 counts_[1],
                                 counts_[2]};
    for (const std::vector<double>* list : {&storages_, &buffers_, &lists_[0], &lists_[1], &lists_[2]}) {
      append(words, *list);
    }
    return words;
  }

 private:
  // insert() of a range makes gcc 12 warn inside <vector>.
  template <typename Words>
  static void append(std::vector<double>& to, const Words& words) {
    for (const double word : words) {
      to.push_back(word);
    }
  }

  void step(int list, double op, std::initializer_list<double> operands, std::initializer_list<double> attributes) {
    std::vector<double>& words = lists_[list];
    words.push_back(op);
    append(words, operands);
    append(words, attributes);
    ++counts_[list];
  }

  double rows_;
  std::vector<double> storages_;
  std::vector<double> buffers_;
  std::vector<double> lists_[3];
  double counts_[3] = {};
};

}  // namespace striate
