// Depthwise convolution: every filter reads one input channel. With a multiplier m, output channel c * m + j belongs to input
// channel c: plane j is then a depthwise convolution with one filter per channel, and the planes are interleaved afterwards
// (forward) or dy is taken apart into planes first (gradients).
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/depthwiseTile.h"
#include "kernels/plan.h"

namespace striate {
namespace {

constexpr int64_t kMostTaps = 512;
constexpr int64_t kMostPointers = 4096;
constexpr size_t kMostPhases = 256;
constexpr int64_t kMostPartials = 32;
constexpr double kTaskFlops = 0.8e6;  // 25 us at 30 GFLOP/s

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
size_t align64(size_t bytes) { return (bytes + 63) & ~size_t{63}; }
size_t floats(int64_t n) { return align64(static_cast<size_t>(n) * sizeof(float)); }

const DepthwiseKernels& depthwiseKernels(Isa isa) { return STRIATE_KERNELS(isa, kDepthwise); }

bool isDepthwise(const ConvRequest& request, std::string* why) {
  const ConvGeometry& g = request.geometry;
  if (!g.depthwise()) {
    *why = g.groups == 1 ? "one group" : g.channels == 1 ? "one channel" : message::join(g.groupChannels(), " channels per group");
    return false;
  }
  if (g.taps() > kMostTaps) {
    *why = message::join("kernel has more than ", kMostTaps, " taps");
    return false;
  }
  return true;
}

class Depthwise : public OpPlan {
 public:
  Depthwise(const ConvRequest& request, const char* direction, std::vector<IndirectProblem> problems)
      : g_(request.geometry), kernels_(depthwiseKernels(request.op.isa)), problems_(std::move(problems)), multiplier_(g_.groupFilters()) {
    kernel = convKernelName(direction, "depthwise", "4", request.op.isa);
    int64_t rows = 0;
    for (const IndirectProblem& problem : problems_) {
      rows += g_.images * problem.gridH * problem.gridW;
      mostTaps_ = std::max(mostTaps_, static_cast<int64_t>(problem.taps.size()));
    }
    blockRows_ = std::clamp<int64_t>(kMostPointers / mostTaps_, kDepthwiseRows, 256) / kDepthwiseRows * kDepthwiseRows;
    const int64_t tasks = g_.flops() < 2 * kTaskFlops ? 1 : static_cast<int64_t>(std::min(128.0, g_.flops() / kTaskFlops));
    rowsPerTask_ = ceilDiv(ceilDiv(rows, tasks), kDepthwiseRows) * kDepthwiseRows;
  }

 protected:
  struct Pointers {
    const float** source;
    float** target;
    const float** residual;
    float* planes;
  };
  int64_t pointerBytes() const {
    return static_cast<int64_t>(align64(static_cast<size_t>(blockRows_ * (mostTaps_ + 2)) * sizeof(void*)));
  }
  Pointers pointersAt(std::byte* base) const {
    constexpr auto kPointer = static_cast<int64_t>(sizeof(void*));
    return {reinterpret_cast<const float**>(base), reinterpret_cast<float**>(base + blockRows_ * mostTaps_ * kPointer),
            reinterpret_cast<const float**>(base + blockRows_ * (mostTaps_ + 1) * kPointer), reinterpret_cast<float*>(base + pointerBytes())};
  }
  // task(problem, first row, last row): the live rows of all problems in pieces of rowsPerTask_.
  template <class Task>
  void overRows(const RunContext& context, const Task& task) const {
    const int64_t images = g_.liveImages(context.rows);
    int64_t tasks = 0;
    for (const IndirectProblem& problem : problems_) tasks += ceilDiv(images * problem.gridH * problem.gridW, rowsPerTask_);
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
  // planes[j][t][c] = filter[t][c * multiplier + j]
  void packPlanes(const float* filter, float* planes) const {
    for (int64_t j = 0; j < multiplier_; ++j) {
      for (int64_t t = 0; t < g_.taps(); ++t) {
        for (int64_t c = 0; c < g_.channels; ++c) *planes++ = filter[t * g_.filterPixel + c * multiplier_ + j];
      }
    }
  }
  // planes[pixel][j][c] = dy[pixel][c * multiplier + j]
  void takeApart(const RunContext& context, const float* dy, float* planes) const {
    const int64_t lines = g_.liveImages(context.rows) * g_.oh;
    context.pool->parallelFor(std::clamp<int64_t>(lines * g_.ow * g_.filters / (64 << 10), 1, lines), [&](int64_t task) {
      const int64_t tasks = std::clamp<int64_t>(lines * g_.ow * g_.filters / (64 << 10), 1, lines);
      for (int64_t pixel = lines * task / tasks * g_.ow; pixel < lines * (task + 1) / tasks * g_.ow; ++pixel) {
        const float* from = dy + pixel * g_.outputPixel;
        float* to = planes + pixel * g_.filters;
        for (int64_t j = 0; j < multiplier_; ++j) {
          for (int64_t c = 0; c < g_.channels; ++c) to[j * g_.channels + c] = from[c * multiplier_ + j];
        }
      }
    });
  }
  size_t zeroBytes() const { return floats(std::max(g_.channels, g_.filters)); }
  size_t filterBytes() const { return multiplier_ == 1 ? 0 : floats(g_.taps() * g_.filters); }
  size_t planesBytes() const { return multiplier_ == 1 ? 0 : floats(g_.images * g_.oh * g_.ow * g_.filters); }

  ConvGeometry g_;
  const DepthwiseKernels& kernels_;
  std::vector<IndirectProblem> problems_;
  int64_t multiplier_;
  int64_t mostTaps_ = 1;
  int64_t blockRows_ = 0;
  int64_t rowsPerTask_ = 0;
};

class Forward final : public Depthwise {
 public:
  explicit Forward(const ConvRequest& request)
      : Depthwise(request, "fwd", {forwardProblem(request.geometry)}),
        residualPixel_(request.op.in[3].pixelStride),
        activation_(request.activation),
        slope_(request.slope) {}
  // Zeros, the filter's planes, then per thread pointers and the planes of one tile.
  size_t scratchBytes() const override {
    return zeroBytes() + filterBytes() + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots());
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::memset(context.scratch, 0, zeroBytes());
    float* planes = reinterpret_cast<float*>(context.scratch + zeroBytes());
    if (multiplier_ > 1) packPlanes(f32(in[1]), planes);
    const float* w = multiplier_ > 1 ? planes : f32(in[1]);
    overRows(context, [&](const IndirectProblem& problem, int64_t first, int64_t last) {
      const Pointers pointers =
          pointersAt(context.scratch + zeroBytes() + filterBytes() + slotBytes() * static_cast<size_t>(ThreadPool::slot()));
      for (int64_t row = first; row < last; row += blockRows_) {
        const int64_t count = std::min(blockRows_, last - row);
        fillSourceRows(problem, 0, g_.taps(), row, count, f32(in[0]), g_.inputPixel, reinterpret_cast<const float*>(context.scratch),
                       pointers.source, blockRows_);
        fillTargetRows(problem, row, count, f32(out[0]), g_.outputPixel, pointers.target);
        if (in[3] != nullptr) {
          fillTargetRows(problem, row, count, const_cast<float*>(f32(in[3])), residualPixel_, const_cast<float**>(pointers.residual));
        }
        for (int64_t m = 0; m < count; m += kDepthwiseRows) {
          tile(pointers, m, std::min<int64_t>(kDepthwiseRows, count - m), w, f32(in[2]), in[3] != nullptr);
        }
      }
    });
    return okStatus();
  }

 private:
  size_t slotBytes() const {
    return static_cast<size_t>(pointerBytes()) + (multiplier_ == 1 ? 0 : floats(kDepthwiseRows * g_.filters));
  }
  void tile(const Pointers& pointers, int64_t m, int64_t rows, const float* w, const float* bias, bool residual) const {
    DepthwiseTile t;
    t.rows = pointers.source + m;
    t.rowStride = blockRows_;
    t.offset = 0;
    t.taps = g_.taps();
    t.channels = g_.channels;
    if (multiplier_ == 1) {
      t.w = w;
      t.wStride = g_.filterPixel;
      t.c = pointers.target + m;
      t.residual = residual ? pointers.residual + m : nullptr;
      t.bias = bias;
      t.activation = activation_;
      t.slope = slope_;
      kernels_.tile[rows - 1](t);
      return;
    }
    float* to[kDepthwiseRows];
    t.wStride = g_.channels;
    t.c = to;
    t.residual = nullptr;
    t.bias = nullptr;
    t.activation = kActivationNone;
    t.slope = 0;
    for (int64_t j = 0; j < multiplier_; ++j) {
      for (int64_t q = 0; q < rows; ++q) to[q] = pointers.planes + q * g_.filters + j * g_.channels;
      t.w = w + j * g_.taps() * g_.channels;
      kernels_.tile[rows - 1](t);
    }
    for (int64_t q = 0; q < rows; ++q) {
      const float* from = pointers.planes + q * g_.filters;
      float* y = pointers.target[m + q];
      for (int64_t c = 0; c < g_.channels; ++c) {
        for (int64_t j = 0; j < multiplier_; ++j) y[c * multiplier_ + j] = from[j * g_.channels + c];
      }
      kernels_.finishRow(y, bias, residual ? pointers.residual[m + q] : nullptr, g_.filters, activation_, slope_);
    }
  }
  int64_t residualPixel_;
  int activation_;
  float slope_;
};

class BackwardInput final : public Depthwise {
 public:
  BackwardInput(const ConvRequest& request, std::vector<IndirectProblem> problems, bool fillZeros)
      : Depthwise(request, "bwd_input", std::move(problems)), fillZeros_(fillZeros) {}
  // Zeros, planes of dy and of the filter, the filter's taps in the order of each phase, then per thread pointers.
  size_t scratchBytes() const override {
    return zeroBytes() + planesBytes() + filterBytes() + orderedBytes() +
           static_cast<size_t>(pointerBytes()) * static_cast<size_t>(ThreadPool::maxSlots());
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::byte* at = context.scratch;
    std::memset(at, 0, zeroBytes());
    const float* zeros = reinterpret_cast<const float*>(at);
    float* planes = reinterpret_cast<float*>(at += zeroBytes());
    float* filter = reinterpret_cast<float*>(at += planesBytes());
    float* ordered = reinterpret_cast<float*>(at += filterBytes());
    at += orderedBytes();
    if (multiplier_ > 1) {
      takeApart(context, f32(in[0]), planes);
      packPlanes(f32(in[1]), filter);
    }
    const float* dy = multiplier_ > 1 ? planes : f32(in[0]);
    const int64_t dyPixel = multiplier_ > 1 ? g_.filters : g_.outputPixel;
    order(multiplier_ > 1 ? filter : f32(in[1]), multiplier_ > 1 ? g_.channels : g_.filterPixel, ordered);
    if (fillZeros_) {
      for (int64_t p = 0; p < g_.liveImages(context.rows) * g_.h * g_.w; ++p) {
        std::memset(f32(out[0]) + p * g_.inputPixel, 0, static_cast<size_t>(g_.channels) * sizeof(float));
      }
    }
    overRows(context, [&](const IndirectProblem& problem, int64_t first, int64_t last) {
      const Pointers pointers = pointersAt(at + pointerBytes() * ThreadPool::slot());
      const float* w = ordered + offsetOf(problem);
      for (int64_t row = first; row < last; row += blockRows_) {
        const int64_t count = std::min(blockRows_, last - row);
        const auto taps = static_cast<int64_t>(problem.taps.size());
        fillSourceRows(problem, 0, taps, row, count, dy, dyPixel, zeros, pointers.source, blockRows_);
        fillTargetRows(problem, row, count, f32(out[0]), g_.inputPixel, pointers.target);
        DepthwiseTile t;
        t.rowStride = blockRows_;
        t.taps = taps;
        t.wStride = g_.channels;
        t.bias = nullptr;
        t.channels = g_.channels;
        t.activation = kActivationNone;
        t.slope = 0;
        for (int64_t m = 0; m < count; m += kDepthwiseRows) {
          t.rows = pointers.source + m;
          t.c = pointers.target + m;
          for (int64_t j = 0; j < multiplier_; ++j) {
            t.offset = j * g_.channels;
            t.w = w + j * taps * g_.channels;
            t.residual = j == 0 ? nullptr : const_cast<const float* const*>(t.c);
            kernels_.tile[std::min<int64_t>(kDepthwiseRows, count - m) - 1](t);
          }
        }
      }
    });
    return okStatus();
  }

 private:
  size_t orderedBytes() const { return floats(g_.taps() * g_.filters); }
  int64_t offsetOf(const IndirectProblem& problem) const {
    int64_t offset = 0;
    for (const IndirectProblem* p = problems_.data(); p != &problem; ++p) offset += static_cast<int64_t>(p->taps.size()) * g_.filters;
    return offset;
  }
  // ordered[phase][j][tap of the phase][c]
  void order(const float* filter, int64_t pixel, float* ordered) const {
    for (const IndirectProblem& problem : problems_) {
      for (int64_t j = 0; j < multiplier_; ++j) {
        for (const Tap& tap : problem.taps) {
          std::memcpy(ordered, filter + (j * g_.taps() + tap.index) * pixel, static_cast<size_t>(g_.channels) * sizeof(float));
          ordered += g_.channels;
        }
      }
    }
  }
  bool fillZeros_;
};

class BackwardFilter final : public Depthwise {
 public:
  explicit BackwardFilter(const ConvRequest& request) : Depthwise(request, "bwd_filter", {forwardProblem(request.geometry)}) {
    const int64_t rows = g_.images * g_.oh * g_.ow;
    int64_t chunks = g_.flops() < 2 * kTaskFlops ? 1 : static_cast<int64_t>(std::min(static_cast<double>(kMostPartials), g_.flops() / kTaskFlops));
    chunks = std::clamp<int64_t>(chunks, 1, ceilDiv(rows, blockRows_));
    rowsPerTask_ = chunks == 1 ? rows : ceilDiv(ceilDiv(rows, chunks), blockRows_) * blockRows_;
    chunks_ = ceilDiv(rows, rowsPerTask_);
  }
  // Zeros, planes of dy, the partial sums [chunk][j][t][c], then per thread pointers.
  size_t scratchBytes() const override {
    return zeroBytes() + planesBytes() + partialBytes() * static_cast<size_t>(chunks_) +
           static_cast<size_t>(pointerBytes()) * static_cast<size_t>(ThreadPool::maxSlots());
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::byte* at = context.scratch;
    std::memset(at, 0, zeroBytes());
    const float* zeros = reinterpret_cast<const float*>(at);
    float* planes = reinterpret_cast<float*>(at += zeroBytes());
    std::byte* partials = at += planesBytes();
    at += partialBytes() * static_cast<size_t>(chunks_);
    if (multiplier_ > 1) takeApart(context, f32(in[1]), planes);
    const float* dy = multiplier_ > 1 ? planes : f32(in[1]);
    const int64_t dyPixel = multiplier_ > 1 ? g_.filters : g_.outputPixel;
    overRows(context, [&](const IndirectProblem& problem, int64_t first, int64_t last) {
      const Pointers pointers = pointersAt(at + pointerBytes() * ThreadPool::slot());
      float* partial = reinterpret_cast<float*>(partials + partialBytes() * static_cast<size_t>(first / rowsPerTask_));
      for (int64_t row = first; row < last; row += blockRows_) {
        const int64_t count = std::min(blockRows_, last - row);
        fillSourceRows(problem, 0, g_.taps(), row, count, f32(in[0]), g_.inputPixel, zeros, pointers.source, blockRows_);
        block(pointers, dy + row * dyPixel, dyPixel, count, partial, row != first);
      }
    });
    sum(context, partials, f32(out[0]));
    return okStatus();
  }

 private:
  size_t partialBytes() const { return floats(g_.taps() * g_.filters); }
  void block(const Pointers& pointers, const float* dy, int64_t dyPixel, int64_t count, float* partial, bool add) const {
    const int64_t parts = ceilDiv(g_.taps(), kDepthwiseTaps);
    for (int64_t j = 0; j < multiplier_; ++j) {
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t tap = g_.taps() * part / parts;
        const int64_t taps = g_.taps() * (part + 1) / parts - tap;
        kernels_.filterTile[taps - 1]({pointers.source + tap * blockRows_, blockRows_, dy + j * g_.channels, dyPixel, count,
                                       partial + (j * g_.taps() + tap) * g_.channels, g_.channels, g_.channels, add});
      }
    }
  }
  // In the order of the chunks, back into the filter's layout.
  void sum(const RunContext& context, const std::byte* partials, float* filter) const {
    const int64_t live = ceilDiv(g_.liveImages(context.rows) * g_.oh * g_.ow, rowsPerTask_);
    for (int64_t j = 0; j < multiplier_; ++j) {
      for (int64_t t = 0; t < g_.taps(); ++t) {
        for (int64_t c = 0; c < g_.channels; ++c) {
          float total = 0;
          for (int64_t chunk = 0; chunk < live; ++chunk) {
            total += reinterpret_cast<const float*>(partials + partialBytes() * static_cast<size_t>(chunk))[(j * g_.taps() + t) * g_.channels + c];
          }
          filter[t * g_.filterPixel + c * multiplier_ + j] = total;
        }
      }
    }
  }
  int64_t chunks_ = 1;
};

}  // namespace

std::unique_ptr<OpPlan> planDepthwiseForward(const ConvRequest& request, std::string* why) {
  return isDepthwise(request, why) ? std::make_unique<Forward>(request) : nullptr;
}

std::unique_ptr<OpPlan> planDepthwiseBackwardInput(const ConvRequest& request, std::string* why) {
  if (!isDepthwise(request, why)) return nullptr;
  int64_t untouched = 0;
  std::vector<IndirectProblem> problems = inputGradientProblems(request.geometry, kMostPhases, &untouched);
  if (problems.empty()) {
    *why = message::join("the stride makes more than ", kMostPhases, " phases");
    return nullptr;
  }
  return std::make_unique<BackwardInput>(request, std::move(problems), untouched > 0);
}

std::unique_ptr<OpPlan> planDepthwiseBackwardFilter(const ConvRequest& request, std::string* why) {
  return isDepthwise(request, why) ? std::make_unique<BackwardFilter>(request) : nullptr;
}

}  // namespace striate
