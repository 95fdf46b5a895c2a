// Zen 4, avx2, one thread, FMA peak 118 GFLOP/s, nominal GFLOP/s: 64 channels (2 x 56x56) 332, 128 (4 x 28x28) 349, 256
// (4 x 14x14) 245, 512 (16 x 7x7) 260, 16 x 56x56x64 243; the sum over pixels stays below 110. Tried: 24 to 196 tiles a
// block, which differ by 5 to 15 % (64 is best or nearly so: more leave L2, fewer read and write the sums too often).
// With few tiles the sums are the limit: one image of 7x7 and 512 channels has 4 tiles for 36 of them (76 nominal), and
// goes to the sum over pixels.
// Threads: where cores have no cache in common (Zen 5 in a virtual machine: what one core wrote comes to the other at
// 12 GB/s), sharing the points of every block made two threads slower than one. Chunks of four blocks, each with sums
// of its own (32 or 64 images of CIFAR, ms on one thread; two before; two now): 32 channels at 32x32 2.9; 5.1; 1.5, 64
// at 32x32 6.2; 5.0; 3.1, 64 at 16x16 2.7; 2.5; 1.4, 128 at 16x16 4.7; 3.1; 2.8. They cost one thread 3 to 5 %; chunks
// of one block cost 16 and gave two threads no more.
#include "kernels/winograd/filterGradient.h"

#include <algorithm>

namespace striate {
namespace {

constexpr int64_t kTransformRows = 8;  // of one task

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Which of `most` neighbours from `origin` on lie within 0 .. size.
void exists(int64_t origin, int64_t size, int most, int* begin, int* end) {
  *begin = static_cast<int>(std::clamp<int64_t>(-origin, 0, most));
  *end = static_cast<int>(std::clamp<int64_t>(size - origin, 0, most));
}

// A cache line off the multiples of 4 KiB, as in conv.cc.
int64_t apart(int64_t floats) { return (floats + 15) / 16 * 16 + 16; }

}  // namespace

WinogradFilterConv::WinogradFilterConv(const WinogradFilterSpec& spec)
    : spec_(spec),
      rows_(spec.kernels->lanes == 16 ? 32 : 24),
      width_(spec.columns <= spec.kernels->lanes ? spec.kernels->lanes : 2 * spec.kernels->lanes) {
  blocks_ = ceilDiv(spec_.images * spec_.tilesPerImage(), spec_.blockTiles);
  chunks_ = ceilDiv(blocks_, spec_.chunkBlocks);
  xPoint_ = apart(spec_.blockTiles * rows_);
  dyPoint_ = apart(spec_.blockTiles * width_);
  mPoint_ = apart(rows_ * width_);
  xFloats_ = kPoints * xPoint_;
  dyFloats_ = kPoints * dyPoint_;
  areaFloats_ = kPoints * mPoint_;
}

// With one block, sums go through a thread's own area straight into the gradient; with several they are all kept.
size_t WinogradFilterConv::scratchBytes() const {
  const int64_t points = chunks_ > 1 ? std::min<int64_t>(chunks_, ThreadPool::maxSlots()) : 1;
  const int64_t sums = blocks_ > 1 ? chunks_ * sumFloats() : ThreadPool::maxSlots() * areaFloats_;
  return static_cast<size_t>(points * pointFloats() + sums) * sizeof(float);
}

void WinogradFilterConv::gatherX(int64_t tile, int64_t firstRow, int64_t lastRow, const float* x, float* points) const {
  const int64_t image = tile / spec_.tilesPerImage(), within = tile % spec_.tilesPerImage();
  const int64_t h = within / spec_.tileColumns() * kEdge - spec_.top;
  const int64_t w = within % spec_.tileColumns() * kEdge - spec_.left;
  WinogradGather t;
  exists(h, spec_.sourceH, winogradSpan(kEdge), &t.top, &t.bottom);
  exists(w, spec_.sourceW, winogradSpan(kEdge), &t.left, &t.right);
  t.pixelStride = spec_.sourcePixel;
  t.rowStride = spec_.sourceW * spec_.sourcePixel;
  t.pointStride = xPoint_;
  const float* pixels = x + ((image * spec_.sourceH + h) * spec_.sourceW + w) * spec_.sourcePixel;
  for (int64_t row = firstRow; row < lastRow; ++row) {
    t.pixels = pixels + row * rows_;
    t.channels = std::min(rows_, spec_.channels - row * rows_);
    t.points = points + row * xFloats_;
    spec_.kernels->four.input(t);
  }
}

void WinogradFilterConv::gatherDy(int64_t tile, int64_t firstPanel, int64_t lastPanel, const float* dy,
                                  float* points) const {
  const int64_t image = tile / spec_.tilesPerImage(), within = tile % spec_.tilesPerImage();
  const int64_t i = within / spec_.tileColumns() * kEdge, j = within % spec_.tileColumns() * kEdge;
  WinogradGather t;
  exists(i, spec_.targetH, kEdge, &t.top, &t.bottom);
  exists(j, spec_.targetW, kEdge, &t.left, &t.right);
  t.pixelStride = spec_.targetPixel;
  t.rowStride = spec_.targetW * spec_.targetPixel;
  t.pointStride = dyPoint_;
  const float* pixels = dy + ((image * spec_.targetH + i) * spec_.targetW + j) * spec_.targetPixel;
  for (int64_t panel = firstPanel; panel < lastPanel; ++panel) {
    t.pixels = pixels + panel * width_;
    t.channels = std::min(width_, spec_.columns - panel * width_);
    t.points = points + panel * dyFloats_;
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

void WinogradFilterConv::transform(int64_t row, int64_t panel, int64_t first, int64_t last, const float* m,
                                   int64_t chunks, float* dfilter) const {
  WinogradFilterGradient t;
  t.pointStride = mPoint_;
  t.parts = chunks;
  t.partStride = sumFloats();
  t.tapStride = spec_.tapStride;
  t.channels = std::min(width_, spec_.columns - panel * width_);
  for (int64_t i = first; i < last; ++i) {
    t.points = m + i * width_;
    t.dfilter = dfilter + (row * rows_ + i) * spec_.channelStride + panel * width_;
    spec_.kernels->filterAdjoint(t);
  }
}

void WinogradFilterConv::runChunks(ThreadPool& pool, int64_t tiles, const float* x, const float* dy, float* dfilter,
                                   float* points) const {
  const int64_t chunkTiles = spec_.chunkBlocks * spec_.blockTiles;
  const int64_t chunks = ceilDiv(tiles, chunkTiles);
  float* sums = points + std::min<int64_t>(chunks_, ThreadPool::maxSlots()) * pointFloats();
  pool.parallelFor(chunks, [&](int64_t chunk) {
    float* xPoints = points + ThreadPool::slot() * pointFloats();
    float* dyPoints = xPoints + rowBlocks() * xFloats_;
    const int64_t begin = chunk * chunkTiles, end = std::min(tiles, begin + chunkTiles);
    for (int64_t first = begin; first < end; first += spec_.blockTiles) {
      const int64_t count = std::min(spec_.blockTiles, end - first);
      for (int64_t t = 0; t < count; ++t) {
        gatherX(first + t, 0, rowBlocks(), x, xPoints + t * rows_);
        gatherDy(first + t, 0, panels(), dy, dyPoints + t * width_);
      }
      for (int64_t area = 0; area < areas(); ++area) {
        multiply(area / panels(), area % panels(), count, first > begin, xPoints, dyPoints,
                 sums + chunk * sumFloats() + area * areaFloats_);
      }
    }
  });
  const int64_t pieces = areas() * ceilDiv(rows_, kTransformRows);
  pool.parallelFor(pieces, [&](int64_t piece) {
    const int64_t area = piece / ceilDiv(rows_, kTransformRows), row = area / panels();
    const int64_t first = piece % ceilDiv(rows_, kTransformRows) * kTransformRows;
    const int64_t last = std::min({first + kTransformRows, rows_, spec_.channels - row * rows_});
    transform(row, area % panels(), first, last, sums + area * areaFloats_, chunks, dfilter);
  });
}

void WinogradFilterConv::runShared(ThreadPool& pool, int64_t tiles, const float* x, const float* dy, float* dfilter,
                                   float* points) const {
  float* xPoints = points;
  float* dyPoints = xPoints + rowBlocks() * xFloats_;
  float* sums = dyPoints + panels() * dyFloats_;
  for (int64_t first = 0; first < tiles; first += spec_.blockTiles) {
    const int64_t count = std::min(spec_.blockTiles, tiles - first);
    const bool last = first + count == tiles;
    // By channels: who gathers a row of X is likely to multiply it.
    const int64_t pieces = spec_.split ? std::max(rowBlocks(), panels()) : 1;
    pool.parallelFor(pieces, [&](int64_t piece) {
      const auto share = [&](int64_t all, int64_t at) { return all * at / pieces; };
      for (int64_t t = 0; t < count; ++t) {
        gatherX(first + t, share(rowBlocks(), piece), share(rowBlocks(), piece + 1), x, xPoints + t * rows_);
        gatherDy(first + t, share(panels(), piece), share(panels(), piece + 1), dy, dyPoints + t * width_);
      }
    });
    const int64_t tasks = spec_.split ? areas() : 1;
    pool.parallelFor(tasks, [&](int64_t task) {
      for (int64_t area = areas() * task / tasks; area < areas() * (task + 1) / tasks; ++area) {
        const int64_t row = area / panels(), panel = area % panels();
        float* m = sums + (blocks_ > 1 ? area : ThreadPool::slot()) * areaFloats_;
        multiply(row, panel, count, first > 0, xPoints, dyPoints, m);
        if (last) transform(row, panel, 0, std::min(rows_, spec_.channels - row * rows_), m, 1, dfilter);
      }
    });
  }
}

void WinogradFilterConv::run(ThreadPool& pool, int64_t images, const float* x, const float* dy, float* dfilter,
                             std::byte* scratch) const {
  const int64_t tiles = images * spec_.tilesPerImage();
  float* points = reinterpret_cast<float*>(scratch);
  if (chunks_ > 1) {
    runChunks(pool, tiles, x, dy, dfilter, points);
  } else {
    runShared(pool, tiles, x, dy, dfilter, points);
  }
}

}  // namespace striate
