// Convolution with a lane for each of as many neighbouring pixels of an output row as a vector has. Image lines become
// planes, one for each channel (and each remainder of the column by the stride), so that a tap is a shifted load.
#pragma once
#include "kernels/fewChannels/problem.h"

namespace striate {

class PixelLanes {
 public:
  PixelLanes(LanesProblem problem, Isa isa);

  size_t slotBytes() const;  // scratch of one thread
  int64_t tasks(int64_t images) const { return images * bands_; }
  void runTask(const LanesOperands& operands, int64_t task, std::byte* scratch) const;

 private:
  int64_t sourceRows(int64_t rows) const { return (rows - 1) * p_.strideH + p_.reachH(); }
  void loadLine(const LanesOperands& operands, int64_t image, int64_t line, float* to) const;
  void storeLine(const LanesOperands& operands, int64_t image, int64_t row, const float* from) const;

  LanesProblem p_;
  const LanesKernels& kernels_;
  std::vector<FilterGroup> groups_;
  std::vector<int64_t> offsets_;
  int64_t planeWidth_ = 0;
  int64_t lineFloats_ = 0;
  int64_t rowVectors_ = 0;  // of one output row
  int64_t bandRows_ = 0;    // output rows of a task
  int64_t bands_ = 0;
  int64_t blockRows_ = 0;  // output rows whose vectors are computed before they become pixels
};

}  // namespace striate
