// What the three directions of depthwise convolution share: problems cut into tasks, pointers per thread, planes.
//
// Every filter reads one input channel. With a multiplier m, output channel c * m + j belongs to input channel c: plane
// j is then a depthwise convolution with one filter per channel, and the planes are interleaved afterwards (forward) or
// dy is taken apart into planes first (gradients).
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/depthwiseTile.h"

namespace striate {

inline constexpr double kDepthwiseTaskFlops = 0.8e6;  // 25 us at 30 GFLOP/s

// Why the tiles cannot take the request; empty if they can.
std::string depthwiseRefusal(const ConvRequest& request);

// Plans for square windows (depthwiseWindow.cc); null where there is no tile for the request.
std::unique_ptr<OpPlan> planDepthwiseWindowForward(const ConvRequest& request);
std::unique_ptr<OpPlan> planDepthwiseWindowBackwardInput(const ConvRequest& request);   // stride 1
std::unique_ptr<OpPlan> planDepthwiseStride2BackwardInput(const ConvRequest& request);  // depthwiseGradient.cc
std::unique_ptr<OpPlan> planDepthwiseWindowBackwardFilter(const ConvRequest& request);

// packed[v][tap][lane] = filter[tap][c + lane], times scale[c + lane] if there is one, with c = min(v * width, channels
// - width) for vector v of the channels. `turned`: the last tap first.
void packDepthwise(const float* filter, const float* scale, int64_t taps, int64_t channels, int64_t filterPixel,
                   int64_t width, bool turned, float* packed);
inline int64_t packedChannels(int64_t channels, int64_t width) { return (channels + width - 1) / width * width; }

class Depthwise : public OpPlan {
 protected:
  struct Pointers {
    const float** source;
    float** target;
    const float** residual;
    float* planes;
  };

  Depthwise(const ConvRequest& request, const char* direction, std::vector<IndirectProblem> problems);

  size_t pointerBytes() const;
  Pointers pointersAt(std::byte* base) const;
  // planes[j][t][c] = filter[t][c * multiplier + j], times scale[c * multiplier + j] if there is one
  void packPlanes(const float* filter, const float* scale, float* planes) const;
  // planes[pixel][j][c] = dy[pixel][c * multiplier + j]
  void takeApart(const RunContext& context, const float* dy, float* planes) const;
  size_t zeroBytes() const;    // a pixel of zeros for taps in the padding
  size_t filterBytes() const;  // planes of the filter
  size_t planesBytes() const;  // planes of dy; none with multiplier 1

  static size_t floatBytes(int64_t count) { return (static_cast<size_t>(count) * sizeof(float) + 63) & ~size_t{63}; }
  static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

  // task(problem, first row, last row): the live rows of all problems in pieces of rowsPerTask_.
  template <class Task>
  void overRows(const RunContext& context, const Task& task) const {
    const int64_t images = g_.liveImages(context.rows);
    int64_t tasks = 0;
    for (const IndirectProblem& problem : problems_)
      tasks += ceilDiv(images * problem.gridH * problem.gridW, rowsPerTask_);
    context.pool->parallelFor(tasks, [&](int64_t index) {
      for (const IndirectProblem& problem : problems_) {
        const int64_t rows = images * problem.gridH * problem.gridW;
        const int64_t here = ceilDiv(rows, rowsPerTask_);
        if (index < here) {
          task(problem, index * rowsPerTask_, std::min(rows, (index + 1) * rowsPerTask_));
          return;
        }
        index -= here;
      }
    });
  }

  ConvGeometry g_;
  const DepthwiseKernels& kernels_;
  std::vector<IndirectProblem> problems_;
  int64_t multiplier_;
  int64_t mostTaps_ = 1;   // of any problem
  int64_t blockRows_ = 0;  // whose pointers are made at once
  int64_t rowsPerTask_ = 0;
};

}  // namespace striate
