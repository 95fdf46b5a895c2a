// Convolution with a lane for each of as many images as a vector has: no lane is wasted whatever the width, stride and
// number of filters, and turning NHWC into lanes is a transposition of contiguous floats.
#pragma once
#include "kernels/fewChannels/problem.h"

namespace striate {

// A line of `width` pixels of `count` images that lie `imageStride` elements apart: to[(j * channels + c) * lanes + l].
struct LineOfImages {
  const float* first;  // of the first image
  int64_t imageStride;
  int count;
  int64_t width, channels, pixel;
};
void interleaveLine(const LanesKernels& kernels, const LineOfImages& line, float* to);

class ImageLanes {
 public:
  ImageLanes(LanesProblem problem, Isa isa);

  size_t slotBytes() const;  // scratch of one thread
  int64_t tasks(int64_t images) const { return blocks(images) * bands_; }
  void runTask(const LanesOperands& operands, int64_t task, std::byte* scratch) const;

 private:
  int64_t blocks(int64_t images) const { return (images + kernels_.lanes - 1) / kernels_.lanes; }
  int64_t sourceRows(int64_t rows) const { return (rows - 1) * p_.strideH + p_.reachH(); }
  void loadLine(const LanesOperands& operands, int64_t image, int count, int64_t line, float* to) const;
  void storeLine(const LanesOperands& operands, int64_t image, int count, int64_t row, const float* from) const;

  LanesProblem p_;
  const LanesKernels& kernels_;
  std::vector<FilterGroup> groups_;
  std::vector<int64_t> offsets_;
  int64_t lineWidth_ = 0;  // pixels of a line with its padding
  int64_t bandRows_ = 0;   // output rows
  int64_t bands_ = 0;
};

}  // namespace striate
