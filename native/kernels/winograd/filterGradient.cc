// Zen 4, avx2, one thread, FMA peak 118 GFLOP/s, nominal GFLOP/s: 64 channels (2 x 56x56) 332, 128 (4 x 28x28) 349, 256
// (4 x 14x14) 245, 512 (16 x 7x7) 260, 16 x 56x56x64 243; the sum over pixels stays below 110. Tried: 24 to 196 tiles a
// block, which differ by 5 to 15 % (64 is best or nearly so: more leave L2, fewer read and write the sums too often).
// With few tiles the sums are the limit: one image of 7x7 and 512 channels has 4 tiles for 36 of them (76 nominal), and
// goes to the sum over pixels.
#include "kernels/winograd/filterGradient.h"

#include <algorithm>

namespace striate {
namespace {

// A cache line off the multiples of 4 KiB, as in conv.cc.
int64_t apart(int64_t floats) { return (floats + 15) / 16 * 16 + 16; }

}  // namespace

WinogradFilterConv::WinogradFilterConv(const WinogradFilterSpec& spec)
    : spec_(spec),
      rows_(spec.kernels->lanes == 16 ? 32 : 24),
      width_(spec.columns <= spec.kernels->lanes ? spec.kernels->lanes : 2 * spec.kernels->lanes) {
  blocks_ = (spec_.images * spec_.tilesPerImage() + spec_.blockTiles - 1) / spec_.blockTiles;
  xPoint_ = apart(spec_.blockTiles * rows_);
  dyPoint_ = apart(spec_.blockTiles * width_);
  mPoint_ = apart(rows_ * width_);
  xFloats_ = kPoints * xPoint_;
  dyFloats_ = kPoints * dyPoint_;
  areaFloats_ = kPoints * mPoint_;
}

// With one block, sums go through a thread's own area straight into the gradient; with several they are all kept.
size_t WinogradFilterConv::scratchBytes() const {
  const int64_t kept = blocks_ > 1 ? areas() : ThreadPool::maxSlots();
  return static_cast<size_t>(rowBlocks() * xFloats_ + panels() * dyFloats_ + kept * areaFloats_) * sizeof(float);
}

void WinogradFilterConv::gather(int64_t tile, const float* x, const float* dy, float* xPoints, float* dyPoints) const {
  const auto exists = [](int64_t origin, int64_t size, int most, int* begin, int* end) {
    *begin = static_cast<int>(std::clamp<int64_t>(-origin, 0, most));
    *end = static_cast<int>(std::clamp<int64_t>(size - origin, 0, most));
  };
  const int64_t image = tile / spec_.tilesPerImage(), within = tile % spec_.tilesPerImage();
  const int64_t i = within / spec_.tileColumns() * kEdge, j = within % spec_.tileColumns() * kEdge;
  const int64_t h = i - spec_.top, w = j - spec_.left;
  WinogradGather t;
  exists(h, spec_.sourceH, winogradSpan(kEdge), &t.top, &t.bottom);
  exists(w, spec_.sourceW, winogradSpan(kEdge), &t.left, &t.right);
  t.pixelStride = spec_.sourcePixel;
  t.rowStride = spec_.sourceW * spec_.sourcePixel;
  t.pointStride = xPoint_;
  const float* pixels = x + ((image * spec_.sourceH + h) * spec_.sourceW + w) * spec_.sourcePixel;
  for (int64_t c = 0; c < spec_.channels; c += rows_, xPoints += xFloats_) {
    t.pixels = pixels + c;
    t.channels = std::min(rows_, spec_.channels - c);
    t.points = xPoints;
    spec_.kernels->four.input(t);
  }
  exists(i, spec_.targetH, kEdge, &t.top, &t.bottom);
  exists(j, spec_.targetW, kEdge, &t.left, &t.right);
  t.pixelStride = spec_.targetPixel;
  t.rowStride = spec_.targetW * spec_.targetPixel;
  t.pointStride = dyPoint_;
  pixels = dy + ((image * spec_.targetH + i) * spec_.targetW + j) * spec_.targetPixel;
  for (int64_t k = 0; k < spec_.columns; k += width_, dyPoints += dyFloats_) {
    t.pixels = pixels + k;
    t.channels = std::min(width_, spec_.columns - k);
    t.points = dyPoints;
    spec_.kernels->outputAdjoint(t);
  }
}

void WinogradFilterConv::multiply(int64_t row, int64_t panel, int64_t tiles, bool add, const float* xPoints,
                                  const float* dyPoints, float* m) const {
  const auto outer = width_ == spec_.kernels->lanes ? spec_.kernels->narrowOuter : spec_.kernels->wideOuter;
  WinogradOuter t;
  t.x = xPoints + row * xFloats_;
  t.xStride = rows_;
  t.rows = std::min(rows_, spec_.channels - row * rows_);
  t.depth = tiles;
  t.dy = dyPoints + panel * dyFloats_;
  t.dyStride = width_;
  t.m = m;
  t.mStride = width_;
  t.add = add;
  for (int64_t point = 0; point < kPoints; ++point, t.x += xPoint_, t.dy += dyPoint_, t.m += mPoint_) outer(t);
}

void WinogradFilterConv::transform(int64_t row, int64_t panel, const float* m, float* dfilter) const {
  WinogradFilterGradient t;
  t.pointStride = mPoint_;
  t.tapStride = spec_.tapStride;
  t.channels = std::min(width_, spec_.columns - panel * width_);
  const int64_t rows = std::min(rows_, spec_.channels - row * rows_);
  for (int64_t i = 0; i < rows; ++i) {
    t.points = m + i * width_;
    t.dfilter = dfilter + (row * rows_ + i) * spec_.channelStride + panel * width_;
    spec_.kernels->filterAdjoint(t);
  }
}

void WinogradFilterConv::run(ThreadPool& pool, int64_t images, const float* x, const float* dy, float* dfilter,
                             std::byte* scratch) const {
  const int64_t tiles = images * spec_.tilesPerImage();
  float* xPoints = reinterpret_cast<float*>(scratch);
  float* dyPoints = xPoints + rowBlocks() * xFloats_;
  float* sums = dyPoints + panels() * dyFloats_;
  for (int64_t first = 0; first < tiles; first += spec_.blockTiles) {
    const int64_t count = std::min(spec_.blockTiles, tiles - first);
    const bool last = first + count == tiles;
    const int64_t pieces =
        spec_.split ? std::clamp<int64_t>(count * (spec_.channels + spec_.columns) / (2 << 10), 1, count) : 1;
    pool.parallelFor(pieces, [&](int64_t piece) {
      for (int64_t t = count * piece / pieces; t < count * (piece + 1) / pieces; ++t) {
        gather(first + t, x, dy, xPoints + t * rows_, dyPoints + t * width_);
      }
    });
    const int64_t tasks = spec_.split ? areas() : 1;
    pool.parallelFor(tasks, [&](int64_t task) {
      for (int64_t area = areas() * task / tasks; area < areas() * (task + 1) / tasks; ++area) {
        const int64_t row = area / panels(), panel = area % panels();
        float* m = sums + (blocks_ > 1 ? area : ThreadPool::slot()) * areaFloats_;
        multiply(row, panel, count, first > 0, xPoints, dyPoints, m);
        if (last) transform(row, panel, m, dfilter);
      }
    });
  }
}

}  // namespace striate
