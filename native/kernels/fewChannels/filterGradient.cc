// fewChannels, backward filter: lanes over images, registers over terms x filters, pixels as the sum.
//
//   dfilter[k][f] = sum over lanes of sum over images' blocks, pixels of x[pixel + offset(k)] * dy[pixel][f]
//
// x and dy are turned into lanes once for every block of images. Chunks of blocks are summed in scratch of their own
// and added in order, so the bits do not depend on threads.
#include <cstring>
#include <memory>
#include <utility>

#include "kernels/fewChannels/imageLanes.h"
#include "kernels/plan.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr double kTaskFlops = 5 * kTaskNanoseconds * kFlopsPerNanosecond;  // each has sums to clear and to add
constexpr int64_t kMostChunks = 64;
constexpr int64_t kMostBandFloats = 128 << 10;  // of x in lanes: half of L2
constexpr int64_t kTileFloats = 6 << 10;        // what a tile streams again and again: 24 KiB of L1

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

class BackwardFilter final : public OpPlan {
 public:
  explicit BackwardFilter(const ConvRequest& request)
      : g_(request.geometry),
        p_(lanesForward(request)),
        isa_(lanesIsa(p_, request.op.isa)),
        kernels_(lanesKernels(isa_)),
        groups_(filterGroups(p_.filters)) {
    const int64_t lanes = kernels_.lanes;
    lineWidth_ = std::max(p_.padLeft + p_.w, (p_.ow - 1) * p_.strideW + p_.reachW());
    lineFloats_ = lineWidth_ * p_.channels * lanes;
    for (int64_t a = 0; a < p_.kernelH; ++a) {
      for (int64_t b = 0; b < p_.kernelW; ++b) {
        for (int64_t c = 0; c < p_.channels; ++c)
          offsets_.push_back(a * p_.dilationH * lineFloats_ + (b * p_.dilationW * p_.channels + c) * lanes);
      }
    }
    const int64_t fit = (kMostBandFloats / lineFloats_ - p_.reachH()) / p_.strideH + 1;
    bandRows_ = std::clamp<int64_t>(fit, 1, p_.oh);
    const int64_t perRow = p_.strideH * lineFloats_ + p_.ow * kLanesGroup * lanes;
    blockRows_ = std::clamp<int64_t>((kTileFloats - p_.reachH() * lineFloats_) / perRow, 1, bandRows_);
    blockRows_ = std::clamp<int64_t>(ceilDiv(48, p_.ow), blockRows_, bandRows_);  // a tile's sums are loaded and stored

    const int64_t blocks = ceilDiv(p_.images, lanes);
    const double blockFlops = p_.flopsPerRow() * static_cast<double>(p_.oh * lanes);
    const int64_t least = ceilDiv(blocks, kMostChunks);
    const double wanted = std::min(static_cast<double>(blocks), kTaskFlops / blockFlops + 0.5);
    chunkBlocks_ = std::clamp<int64_t>(static_cast<int64_t>(wanted), least, blocks);
    chunks_ = ceilDiv(blocks, chunkBlocks_);
    kernel = convKernelName("bwd_filter", "lanes", tileName(kernels_).c_str(), isa_);
  }

  size_t scratchBytes() const override {
    return partialBytes() * static_cast<size_t>(chunks_) + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots());
  }

  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    const int64_t images = g_.liveImages(context.rows);
    const int64_t live = ceilDiv(ceilDiv(images, kernels_.lanes), chunkBlocks_);
    const auto partial = [&](int64_t chunk) {
      return reinterpret_cast<float*>(context.scratch + partialBytes() * static_cast<size_t>(chunk));
    };
    std::byte* slots = context.scratch + partialBytes() * static_cast<size_t>(chunks_);
    context.pool->parallelFor(live, [&](int64_t chunk) {
      std::byte* slot = slots + slotBytes() * static_cast<size_t>(ThreadPool::slot());
      float* sums = reinterpret_cast<float*>(slot);
      std::memset(sums, 0, sumBytes());
      for (int64_t block = chunk * chunkBlocks_; block < (chunk + 1) * chunkBlocks_; ++block) {
        const int64_t image = block * kernels_.lanes;
        if (image < images) addImages(f32(in[0]), f32(in[1]), image, images, sums, slot + sumBytes());
      }
      kernels_.reduce(sums, p_.terms() * p_.filters, partial(chunk));
    });
    float* dfilter = f32(out[0]);
    for (int64_t k = 0; k < p_.terms(); ++k, dfilter += g_.filterPixel) {
      for (int64_t f = 0; f < p_.filters; ++f) {
        float sum = partial(0)[k * p_.filters + f];
        for (int64_t chunk = 1; chunk < live; ++chunk) sum += partial(chunk)[k * p_.filters + f];
        dfilter[f] = sum;
      }
    }
    return okStatus();
  }

 private:
  size_t partialBytes() const { return lanesBytes(p_.terms() * p_.filters); }
  size_t sumBytes() const { return lanesBytes(p_.terms() * p_.filters * kernels_.lanes); }
  int64_t sourceRows(int64_t rows) const { return (rows - 1) * p_.strideH + p_.reachH(); }
  size_t bandBytes() const { return lanesBytes(sourceRows(bandRows_) * lineFloats_); }
  int64_t dyFloats() const { return p_.ow * p_.filters * kernels_.lanes; }  // of a row
  size_t slotBytes() const { return sumBytes() + bandBytes() + lanesBytes(blockRows_ * dyFloats()); }

  void loadLine(const float* x, int64_t image, int count, int64_t line, float* to) const {
    const int64_t pixel = p_.channels * kernels_.lanes;
    if (line < 0 || line >= p_.h) {
      std::memset(to, 0, static_cast<size_t>(lineFloats_) * sizeof(float));
      return;
    }
    std::memset(to, 0, static_cast<size_t>(p_.padLeft * pixel) * sizeof(float));
    to += p_.padLeft * pixel;
    interleaveLine(
        kernels_,
        {x + (image * p_.h + line) * p_.w * p_.xPixel, p_.h * p_.w * p_.xPixel, count, p_.w, p_.channels, p_.xPixel},
        to);
    std::memset(to + p_.w * pixel, 0, static_cast<size_t>((lineWidth_ - p_.padLeft - p_.w) * pixel) * sizeof(float));
  }

  // Adds what a block of images gives; dead lanes hold zeros.
  void addImages(const float* x, const float* dy, int64_t image, int64_t images, float* sums,
                 std::byte* scratch) const {
    const int64_t lanes = kernels_.lanes;
    const int count = static_cast<int>(std::min(lanes, images - image));
    float* lines = reinterpret_cast<float*>(scratch);
    float* gradients = reinterpret_cast<float*>(scratch + bandBytes());
    const int64_t dyImage = p_.oh * p_.ow * p_.yPixel;
    for (int64_t band = 0; band < p_.oh; band += bandRows_) {
      const int64_t rows = std::min(bandRows_, p_.oh - band);
      int64_t loaded = 0;
      for (int64_t r = 0; r < rows; r += blockRows_) {
        const int64_t n = std::min(blockRows_, rows - r);
        for (; loaded < sourceRows(r + n); ++loaded) {
          loadLine(x, image, count, band * p_.strideH - p_.padTop + loaded, lines + loaded * lineFloats_);
        }
        for (int64_t i = 0; i < n; ++i) {
          interleaveLine(
              kernels_,
              {dy + ((image * p_.oh + band + r + i) * p_.ow) * p_.yPixel, dyImage, count, p_.ow, p_.filters, p_.yPixel},
              gradients + i * dyFloats());
        }
        addRows(lines + r * p_.strideH * lineFloats_, gradients, n, sums);
      }
    }
  }

  void addRows(const float* lines, const float* gradients, int64_t rows, float* sums) const {
    const int64_t lanes = kernels_.lanes;
    LanesFilterTile tile;
    tile.x = lines;
    tile.xRow = p_.strideH * lineFloats_;
    tile.xColumn = p_.strideW * p_.channels * lanes;
    tile.dyRow = dyFloats();
    tile.dyColumn = p_.filters * lanes;
    tile.rows = rows;
    tile.columns = p_.ow;
    tile.sumStride = p_.filters;
    for (const FilterGroup& group : groups_) {
      const int depth = kernels_.depth[group.count - 1];
      tile.dy = gradients + group.first * lanes;
      for (int64_t k = 0; k < p_.terms(); k += depth) {
        tile.offsets = offsets_.data() + k;
        tile.sums = sums + (k * p_.filters + group.first) * lanes;
        kernels_.filterTile[group.count - 1][std::min<int64_t>(depth, p_.terms() - k) - 1](tile);
      }
    }
  }

  ConvGeometry g_;
  LanesProblem p_;
  Isa isa_;
  const LanesKernels& kernels_;
  std::vector<FilterGroup> groups_;
  std::vector<int64_t> offsets_;
  int64_t lineWidth_ = 0, lineFloats_ = 0;
  int64_t bandRows_ = 0;   // output rows whose x is in lanes at once
  int64_t blockRows_ = 0;  // output rows of a tile
  int64_t chunkBlocks_ = 0, chunks_ = 0;
};

}  // namespace

std::unique_ptr<OpPlan> planFewChannelsBackwardFilter(const ConvRequest& request, std::string* why) {
  const LanesProblem p = lanesForward(request);
  const Isa isa = lanesIsa(p, request.op.isa);
  const int64_t lanes = lanesKernels(isa).lanes;
  const int64_t blocks = (p.images + lanes - 1) / lanes;
  *why = lanesRefusal(p, isa, static_cast<double>(blocks * lanes) / static_cast<double>(p.images));
  return why->empty() ? std::make_unique<BackwardFilter>(request) : nullptr;
}

}  // namespace striate
