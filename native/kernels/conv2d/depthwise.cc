#include "kernels/conv2d/depthwise.h"

#include <cstring>
#include <utility>

#include "kernels/plan.h"

namespace striate {
namespace {

constexpr int64_t kMostTaps = 512;
constexpr int64_t kMostPointers = 4096;  // per block: 32 KiB

class Forward final : public Depthwise {
 public:
  explicit Forward(const ConvRequest& request)
      : Depthwise(request, "fwd", {forwardProblem(request.geometry)}),
        residualPixel_(request.op.in[3].pixelStride),
        activation_(request.activation),
        slope_(request.slope),
        packs_(multiplier_ > 1 || request.op.in[kConvScale].present),
        keepsPacked_(packs_ && request.op.in[1].constant &&
                     (!request.op.in[kConvScale].present || request.op.in[kConvScale].constant) &&
                     filterBytes() <= request.op.packedBudget) {}
  // Zeros, the filter's planes, then per thread pointers and the planes of one tile.
  size_t scratchBytes() const override {
    return zeroBytes() + ownPacked() + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots());
  }
  size_t packedBytes() const override { return keepsPacked_ ? filterBytes() : 0; }
  void pack(const RunContext&, const void* const* in, float* packed) const override {
    packPlanes(f32(in[1]), f32(in[kConvScale]), packed);
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::memset(context.scratch, 0, zeroBytes());
    const float* w = packs_ ? context.packed : f32(in[1]);
    if (packs_ && !keepsPacked_) {
      float* planes = reinterpret_cast<float*>(context.scratch + zeroBytes());
      pack(context, in, planes);
      w = planes;
    }
    overRows(context, [&](const IndirectProblem& problem, int64_t first, int64_t last) {
      const Pointers pointers = pointersAt(context.scratch + zeroBytes() + ownPacked() +
                                           slotBytes() * static_cast<size_t>(ThreadPool::slot()));
      for (int64_t row = first; row < last; row += blockRows_) {
        const int64_t count = std::min(blockRows_, last - row);
        fillSourceRows(problem, 0, g_.taps(), row, count, f32(in[0]), g_.inputPixel,
                       reinterpret_cast<const float*>(context.scratch), pointers.source, blockRows_);
        fillTargetRows(problem, row, count, f32(out[0]), g_.outputPixel, pointers.target);
        if (in[3] != nullptr) {
          fillTargetRows(problem, row, count, const_cast<float*>(f32(in[3])), residualPixel_,
                         const_cast<float**>(pointers.residual));
        }
        for (int64_t m = 0; m < count; m += kDepthwiseRows) {
          tile(pointers, m, std::min<int64_t>(kDepthwiseRows, count - m), w, f32(in[2]), in[3] != nullptr);
        }
      }
    });
    return okStatus();
  }

 private:
  size_t ownPacked() const { return packs_ && !keepsPacked_ ? filterBytes() : 0; }
  size_t slotBytes() const { return pointerBytes() + (multiplier_ == 1 ? 0 : floatBytes(kDepthwiseRows * g_.filters)); }
  void tile(const Pointers& pointers, int64_t m, int64_t rows, const float* w, const float* bias, bool residual) const {
    DepthwiseTile t;
    t.rows = pointers.source + m;
    t.rowStride = blockRows_;
    t.offset = 0;
    t.taps = g_.taps();
    t.channels = g_.channels;
    if (multiplier_ == 1) {
      t.w = w;
      t.wStride = packs_ ? g_.channels : g_.filterPixel;
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
  bool packs_;
  bool keepsPacked_;
};

}  // namespace

std::string depthwiseRefusal(const ConvRequest& request) {
  const ConvGeometry& g = request.geometry;
  if (g.groups == 1) return "one group";
  if (!g.depthwise()) return message::join(g.groupChannels(), " channels per group");
  return g.taps() > kMostTaps ? message::join("kernel has more than ", kMostTaps, " taps") : std::string();
}

Depthwise::Depthwise(const ConvRequest& request, const char* direction, std::vector<IndirectProblem> problems)
    : g_(request.geometry),
      kernels_(STRIATE_KERNELS(request.op.isa, kDepthwise)),
      problems_(std::move(problems)),
      multiplier_(g_.groupFilters()) {
  kernel = convKernelName(direction, "depthwise", std::to_string(kDepthwiseRows).c_str(), tableIsa(request.op.isa));
  int64_t rows = 0;
  for (const IndirectProblem& problem : problems_) {
    rows += g_.images * problem.gridH * problem.gridW;
    mostTaps_ = std::max(mostTaps_, static_cast<int64_t>(problem.taps.size()));
  }
  blockRows_ = std::clamp<int64_t>(kMostPointers / mostTaps_, kDepthwiseRows, 256) / kDepthwiseRows * kDepthwiseRows;
  const double wanted = g_.flops() / kDepthwiseTaskFlops;
  const int64_t tasks = wanted < 2 ? 1 : static_cast<int64_t>(std::min(128.0, wanted));
  rowsPerTask_ = ceilDiv(ceilDiv(rows, tasks), kDepthwiseRows) * kDepthwiseRows;
}

size_t Depthwise::pointerBytes() const {
  return (static_cast<size_t>(blockRows_ * (mostTaps_ + 2)) * sizeof(void*) + 63) & ~size_t{63};
}

Depthwise::Pointers Depthwise::pointersAt(std::byte* base) const {
  constexpr auto kPointer = static_cast<int64_t>(sizeof(void*));
  return {reinterpret_cast<const float**>(base), reinterpret_cast<float**>(base + blockRows_ * mostTaps_ * kPointer),
          reinterpret_cast<const float**>(base + blockRows_ * (mostTaps_ + 1) * kPointer),
          reinterpret_cast<float*>(base + pointerBytes())};
}

void Depthwise::packPlanes(const float* filter, const float* scale, float* planes) const {
  for (int64_t j = 0; j < multiplier_; ++j) {
    for (int64_t t = 0; t < g_.taps(); ++t) {
      const float* from = filter + t * g_.filterPixel + j;
      if (scale == nullptr) {
        for (int64_t c = 0; c < g_.channels; ++c) *planes++ = from[c * multiplier_];
      } else {
        for (int64_t c = 0; c < g_.channels; ++c) *planes++ = from[c * multiplier_] * scale[c * multiplier_ + j];
      }
    }
  }
}

void Depthwise::takeApart(const RunContext& context, const float* dy, float* planes) const {
  const int64_t lines = g_.liveImages(context.rows) * g_.oh;
  const int64_t tasks = std::clamp<int64_t>(lines * g_.ow * g_.filters / (64 << 10), 1, lines);
  context.pool->parallelFor(tasks, [&](int64_t task) {
    for (int64_t pixel = lines * task / tasks * g_.ow; pixel < lines * (task + 1) / tasks * g_.ow; ++pixel) {
      const float* from = dy + pixel * g_.outputPixel;
      float* to = planes + pixel * g_.filters;
      for (int64_t j = 0; j < multiplier_; ++j) {
        for (int64_t c = 0; c < g_.channels; ++c) to[j * g_.channels + c] = from[c * multiplier_ + j];
      }
    }
  });
}

size_t Depthwise::zeroBytes() const { return floatBytes(std::max(g_.channels, g_.filters)); }
size_t Depthwise::filterBytes() const { return floatBytes(g_.taps() * g_.filters); }
size_t Depthwise::planesBytes() const {
  return multiplier_ == 1 ? 0 : floatBytes(g_.images * g_.oh * g_.ow * g_.filters);
}

std::unique_ptr<OpPlan> planDepthwiseForward(const ConvRequest& request, std::string* why) {
  *why = depthwiseRefusal(request);
  if (!why->empty()) return nullptr;
  auto plan = planDepthwiseWindowForward(request);
  return plan != nullptr ? std::move(plan) : std::make_unique<Forward>(request);
}

}  // namespace striate
