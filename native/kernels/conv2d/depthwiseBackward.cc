// The gradients of depthwise convolution.
#include <cstring>
#include <utility>

#include "kernels/conv2d/depthwise.h"
#include "kernels/plan.h"

namespace striate {
namespace {

constexpr int64_t kMostPartials = 32;

class BackwardInput final : public Depthwise {
 public:
  BackwardInput(const ConvRequest& request, std::vector<IndirectProblem> problems, bool fillZeros)
      : Depthwise(request, "bwd_input", std::move(problems)), fillZeros_(fillZeros) {}
  // Zeros, planes of dy and of the filter, the filter's taps in the order of each phase, then per thread pointers.
  size_t scratchBytes() const override {
    return zeroBytes() + planesBytes() + planarFilterBytes() + orderedBytes() +
           pointerBytes() * static_cast<size_t>(ThreadPool::maxSlots());
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::byte* at = context.scratch;
    std::memset(at, 0, zeroBytes());
    const float* zeros = reinterpret_cast<const float*>(at);
    float* planes = reinterpret_cast<float*>(at += zeroBytes());
    float* filter = reinterpret_cast<float*>(at += planesBytes());
    float* ordered = reinterpret_cast<float*>(at += planarFilterBytes());
    at += orderedBytes();
    if (multiplier_ > 1) {
      takeApart(context, f32(in[0]), planes);
      packPlanes(f32(in[1]), nullptr, filter);
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
      const Pointers pointers = pointersAt(at + pointerBytes() * static_cast<size_t>(ThreadPool::slot()));
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
  size_t planarFilterBytes() const { return multiplier_ == 1 ? 0 : filterBytes(); }
  size_t orderedBytes() const { return floatBytes(g_.taps() * g_.filters); }
  int64_t offsetOf(const IndirectProblem& problem) const {
    int64_t offset = 0;
    for (const IndirectProblem* p = problems_.data(); p != &problem; ++p)
      offset += static_cast<int64_t>(p->taps.size()) * g_.filters;
    return offset;
  }
  // ordered[phase][j][tap of the phase][c]
  void order(const float* filter, int64_t pixel, float* ordered) const {
    for (const IndirectProblem& problem : problems_) {
      for (int64_t j = 0; j < multiplier_; ++j) {
        for (const Tap& tap : problem.taps) {
          std::memcpy(ordered, filter + (j * g_.taps() + tap.index) * pixel,
                      static_cast<size_t>(g_.channels) * sizeof(float));
          ordered += g_.channels;
        }
      }
    }
  }
  bool fillZeros_;
};

class BackwardFilter final : public Depthwise {
 public:
  explicit BackwardFilter(const ConvRequest& request)
      : Depthwise(request, "bwd_filter", {forwardProblem(request.geometry)}) {
    const int64_t rows = g_.images * g_.oh * g_.ow;
    int64_t chunks =
        g_.flops() < 2 * kDepthwiseTaskFlops
            ? 1
            : static_cast<int64_t>(std::min(static_cast<double>(kMostPartials), g_.flops() / kDepthwiseTaskFlops));
    chunks = std::clamp<int64_t>(chunks, 1, ceilDiv(rows, blockRows_));
    rowsPerTask_ = chunks == 1 ? rows : ceilDiv(ceilDiv(rows, chunks), blockRows_) * blockRows_;
    chunks_ = ceilDiv(rows, rowsPerTask_);
  }
  // Zeros, planes of dy, the partial sums [chunk][j][t][c], then per thread pointers.
  size_t scratchBytes() const override {
    return zeroBytes() + planesBytes() + partialBytes() * static_cast<size_t>(chunks_) +
           pointerBytes() * static_cast<size_t>(ThreadPool::maxSlots());
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
      const Pointers pointers = pointersAt(at + pointerBytes() * static_cast<size_t>(ThreadPool::slot()));
      float* partial = reinterpret_cast<float*>(partials + partialBytes() * static_cast<size_t>(first / rowsPerTask_));
      for (int64_t row = first; row < last; row += blockRows_) {
        const int64_t count = std::min(blockRows_, last - row);
        fillSourceRows(problem, 0, g_.taps(), row, count, f32(in[0]), g_.inputPixel, zeros, pointers.source,
                       blockRows_);
        block(pointers, dy + row * dyPixel, dyPixel, count, partial, row != first);
      }
    });
    sum(context, partials, f32(out[0]));
    return okStatus();
  }

 private:
  size_t partialBytes() const { return floatBytes(g_.taps() * g_.filters); }
  void block(const Pointers& pointers, const float* dy, int64_t dyPixel, int64_t count, float* partial,
             bool add) const {
    const int64_t parts = ceilDiv(g_.taps(), kDepthwiseTaps);
    for (int64_t j = 0; j < multiplier_; ++j) {
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t tap = g_.taps() * part / parts;
        const int64_t taps = g_.taps() * (part + 1) / parts - tap;
        kernels_.filterTile[taps - 1]({pointers.source + tap * blockRows_, blockRows_, dy + j * g_.channels, dyPixel,
                                       count, partial + (j * g_.taps() + tap) * g_.channels, g_.channels, g_.channels,
                                       add});
      }
    }
  }
  // In the order of the chunks, into the first of them; then back into the filter's layout.
  void sum(const RunContext& context, std::byte* partials, float* filter) const {
    const int64_t live = ceilDiv(g_.liveImages(context.rows) * g_.oh * g_.ow, rowsPerTask_);
    float* total = reinterpret_cast<float*>(partials);
    for (int64_t chunk = 1; chunk < live; ++chunk) {
      const float* partial = reinterpret_cast<const float*>(partials + partialBytes() * static_cast<size_t>(chunk));
      for (int64_t i = 0; i < g_.taps() * g_.filters; ++i) total[i] += partial[i];
    }
    for (int64_t j = 0; j < multiplier_; ++j) {
      for (int64_t t = 0; t < g_.taps(); ++t, total += g_.channels) {
        float* to = filter + t * g_.filterPixel + j;
        for (int64_t c = 0; c < g_.channels; ++c) to[c * multiplier_] = total[c];
      }
    }
  }
  int64_t chunks_ = 1;
};

}  // namespace

std::unique_ptr<OpPlan> planDepthwiseBackwardInput(const ConvRequest& request, std::string* why) {
  *why = depthwiseRefusal(request);
  if (!why->empty()) return nullptr;
  if (auto plan = planDepthwiseWindowBackwardInput(request)) return plan;
  if (auto plan = planDepthwiseStride2BackwardInput(request)) return plan;
  int64_t untouched = 0;
  std::vector<IndirectProblem> problems;
  if (!inputGradientProblems(request.geometry, &problems, &untouched)) {
    *why = message::join("the stride makes more than ", kMostPhases, " phases");
    return nullptr;
  }
  return std::make_unique<BackwardInput>(request, std::move(problems), untouched > 0);
}

std::unique_ptr<OpPlan> planDepthwiseBackwardFilter(const ConvRequest& request, std::string* why) {
  *why = depthwiseRefusal(request);
  if (!why->empty()) return nullptr;
  if (auto plan = planDepthwiseWindowBackwardFilter(request)) return plan;
  return std::make_unique<BackwardFilter>(request);
}

}  // namespace striate
