// Drives the tiles of depthwiseGradient.h.
#include "kernels/conv2d/depthwiseGradient.h"

#include <cstring>

#include "kernels/conv2d/depthwise.h"
#include "kernels/plan.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr double kCacheBytes = 32 << 20;  // dx and dy together, as in depthwiseWindow.cc
constexpr int64_t kMostPartials = 32;
constexpr double kChunkFlops = 0.8e6;
// Channels whose sums (36 B each) stay in L1 beside the pixels of a tile.
constexpr int64_t kSumChannels = 256;

size_t floatBytes(int64_t count) { return (static_cast<size_t>(count) * sizeof(float) + 63) & ~size_t{63}; }

class BackwardInput final : public OpPlan {
 public:
  BackwardInput(const ConvRequest& request, const DepthwiseGradientKernels& kernels)
      : g_(request.geometry), inputRows_(kernels.inputRows[g_.kernelH == 5]), width_(kernels.vectorWidth) {
    const std::string tile = message::join(g_.kernelH, "x", g_.kernelW, "s2_2x", 2 * kDepthwiseInputColumns);
    kernel = convKernelName("bwd_input", "depthwise", tile.c_str(), tableIsa(request.op.isa));
  }
  // Zeros, then the packed filter.
  size_t scratchBytes() const override {
    return floatBytes(g_.channels) + floatBytes(packedChannels(g_.channels, width_) * g_.taps());
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::memset(context.scratch, 0, floatBytes(g_.channels));
    float* w = reinterpret_cast<float*>(context.scratch + floatBytes(g_.channels));
    packDepthwise(f32(in[1]), nullptr, g_.taps(), g_.channels, g_.filterPixel, width_, false, w);
    const int64_t images = g_.liveImages(context.rows);
    const int64_t first = g_.padTop / 2, pairs = (g_.padTop + g_.h + 1) / 2 - first;
    DepthwiseInputRows shared;
    shared.outHeight = g_.oh;
    shared.outWidth = g_.ow;
    shared.dyRow = g_.ow * g_.outputPixel;
    shared.dyPixel = g_.outputPixel;
    shared.zeros = reinterpret_cast<const float*>(context.scratch);
    shared.height = g_.h;
    shared.width = g_.w;
    shared.dxRow = g_.w * g_.inputPixel;
    shared.dxPixel = g_.inputPixel;
    shared.padTop = g_.padTop;
    shared.padLeft = g_.padLeft;
    shared.w = w;
    shared.channels = g_.channels;
    shared.streams = streams(images, out[0]);
    const double nanoseconds = 2.0 * static_cast<double>(g_.w * g_.taps() * g_.channels) / 4 / 20;
    forRanges(context, images * pairs, nanoseconds, 1, [&](int64_t begin, int64_t end) {
      DepthwiseInputRows rows = shared;
      for (int64_t unit = begin; unit < end; ++unit) {
        rows.dy = f32(in[0]) + unit / pairs * g_.oh * shared.dyRow;
        rows.dx = f32(out[0]) + unit / pairs * g_.h * shared.dxRow;
        rows.pair = first + unit % pairs;
        inputRows_(rows);
      }
    });
    return okStatus();
  }

 private:
  bool streams(int64_t images, const void* dx) const {
    const double bytes = sizeof(float) * static_cast<double>(images) * static_cast<double>(g_.channels) *
                         static_cast<double>(g_.h * g_.w + g_.oh * g_.ow);
    return bytes > kCacheBytes && g_.channels % width_ == 0 && g_.inputPixel % width_ == 0 &&
           reinterpret_cast<uintptr_t>(dx) % (static_cast<size_t>(width_) * sizeof(float)) == 0;
  }

  ConvGeometry g_;
  void (*inputRows_)(const DepthwiseInputRows&);
  int64_t width_;
};

class BackwardFilter final : public OpPlan {
 public:
  BackwardFilter(const ConvRequest& request, const DepthwiseGradientKernels& kernels)
      : g_(request.geometry),
        filterRow_(kernels.filterRow[g_.kernelH == 5][g_.strideH - 1]),
        width_(kernels.vectorWidth) {
    const std::string tile =
        message::join(g_.kernelH, "x", g_.kernelW, "s", g_.strideH, "_1x", kDepthwiseFilterColumns);
    kernel = convKernelName("bwd_filter", "depthwise", tile.c_str(), tableIsa(request.op.isa));
    blocks_ = (g_.channels + kSumChannels - 1) / kSumChannels;
    blockChannels_ = packedChannels((g_.channels + blocks_ - 1) / blocks_, width_);
    while (g_.channels % blockChannels_ != 0 && g_.channels % blockChannels_ < width_) blockChannels_ += width_;
    blocks_ = (g_.channels + blockChannels_ - 1) / blockChannels_;
    const int64_t rows = g_.images * g_.oh;
    const int64_t wanted = static_cast<int64_t>(std::min(1.0 * kMostPartials, g_.flops() / kChunkFlops));
    const int64_t chunks = std::clamp<int64_t>(wanted / blocks_, 1, rows);
    chunkRows_ = (rows + chunks - 1) / chunks;
    chunks_ = (rows + chunkRows_ - 1) / chunkRows_;
  }
  // Zeros, then sums[chunk][c / width][tap][c % width].
  size_t scratchBytes() const override {
    return floatBytes(g_.channels) + static_cast<size_t>(chunks_) * floatBytes(sums());
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    std::memset(context.scratch, 0, floatBytes(g_.channels));
    std::byte* partials = context.scratch + floatBytes(g_.channels);
    const int64_t rows = g_.liveImages(context.rows) * g_.oh, live = (rows + chunkRows_ - 1) / chunkRows_;
    const double nanoseconds = g_.flops() / static_cast<double>(chunks_ * blocks_) / 60;
    forRanges(context, live * blocks_, nanoseconds, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) addChunk(in, context.scratch, partials, rows, task);
    });
    unpack(partials, live, f32(out[0]));
    return okStatus();
  }

 private:
  int64_t sums() const { return packedChannels(g_.channels, width_) * g_.taps(); }
  void addChunk(const void* const* in, const std::byte* zeros, std::byte* partials, int64_t rows, int64_t task) const {
    const int64_t chunk = task / blocks_, c = task % blocks_ * blockChannels_;
    DepthwiseFilterRow row;
    row.height = g_.h;
    row.width = g_.w;
    row.xRow = g_.w * g_.inputPixel;
    row.xPixel = g_.inputPixel;
    row.zeros = reinterpret_cast<const float*>(zeros);
    row.outWidth = g_.ow;
    row.dyPixel = g_.outputPixel;
    row.sums = reinterpret_cast<float*>(partials + static_cast<size_t>(chunk) * floatBytes(sums())) + c * g_.taps();
    row.padTop = g_.padTop;
    row.padLeft = g_.padLeft;
    row.channels = std::min(blockChannels_, g_.channels - c);
    std::memset(row.sums, 0, static_cast<size_t>(packedChannels(row.channels, width_) * g_.taps()) * sizeof(float));
    for (int64_t r = chunk * chunkRows_; r < std::min(rows, (chunk + 1) * chunkRows_); ++r) {
      row.x = f32(in[0]) + r / g_.oh * g_.h * row.xRow + c;
      row.dy = f32(in[1]) + r * g_.ow * g_.outputPixel + c;
      row.row = r % g_.oh;
      filterRow_(row);
    }
  }
  // In the order of the chunks, into the first of them; then into the filter's layout.
  void unpack(std::byte* partials, int64_t live, float* filter) const {
    float* total = reinterpret_cast<float*>(partials);
    for (int64_t chunk = 1; chunk < live; ++chunk) {
      const float* partial = reinterpret_cast<const float*>(partials + static_cast<size_t>(chunk) * floatBytes(sums()));
      for (int64_t i = 0; i < sums(); ++i) total[i] += partial[i];
    }
    // Where vectors overlap they hold the same sums.
    for (int64_t next = 0; next < g_.channels; next += width_) {
      float* to = filter + std::min(next, g_.channels - width_);
      for (int64_t t = 0; t < g_.taps(); ++t, total += width_) {
        std::memcpy(to + t * g_.filterPixel, total, static_cast<size_t>(width_) * sizeof(float));
      }
    }
  }

  ConvGeometry g_;
  void (*filterRow_)(const DepthwiseFilterRow&);
  int64_t width_;
  int64_t blocks_, blockChannels_;
  int64_t chunks_, chunkRows_;
};

bool hasWindow(const ConvGeometry& g, const DepthwiseGradientKernels& kernels) {
  return g.groupFilters() == 1 && g.channels >= kernels.vectorWidth && g.dilationH == 1 && g.dilationW == 1 &&
         g.kernelH == g.kernelW && (g.kernelH == 3 || g.kernelH == 5) && g.strideH == g.strideW && g.strideH <= 2;
}

}  // namespace

std::unique_ptr<OpPlan> planDepthwiseStride2BackwardInput(const ConvRequest& request) {
  const DepthwiseGradientKernels& kernels = STRIATE_KERNELS(request.op.isa, kDepthwiseGradient);
  if (!hasWindow(request.geometry, kernels) || request.geometry.strideH != 2) return nullptr;
  return std::make_unique<BackwardInput>(request, kernels);
}

std::unique_ptr<OpPlan> planDepthwiseWindowBackwardFilter(const ConvRequest& request) {
  const DepthwiseGradientKernels& kernels = STRIATE_KERNELS(request.op.isa, kDepthwiseGradient);
  if (!hasWindow(request.geometry, kernels)) return nullptr;
  return std::make_unique<BackwardFilter>(request, kernels);
}

}  // namespace striate
