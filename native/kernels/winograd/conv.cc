// The limit, what was tried, and what it gave. Machine: Zen 4 at 3.7 GHz, avx2, FMA peak 118 GFLOP/s, one thread, time
// of the thread; "nominal" counts the operations of the direct convolution.
//
// Products are 36 / 144 (tiles of 4x4) or 16 / 36 (2x2) of the direct ones, so peak would be 470 or 265 nominal;
// half-full tiles at the edge take 23 % of that at 14x14 and 7x7. Transforms cost 12 operations a line, 12 and 10 lines
// a tile and vector, bound by their 36 stores and 36 loads: 5 to 10 % of the whole.
//
//   64 channels, 56x56     F(4x4)  375 nominal   gather 9 %, products 85 % at 93 % of peak, scatter 6 %
//   128, 28x28             F(4x4)  400           256, 14x14  F(4x4)  311    (two threads: 595)
//   512, 7x7               F(2x2)  171           F(4x4): 130, bound by reading 38 MB of filter from memory
//   batch 16: 64: 292, 128: 316, 256: 283, 512 (7x7): 297     VGG: 64 at 224x224: 292, 256 at 56x56: 336
//   two threads beside ONNX Runtime in one run, batch 1: 64 3.2 x, 128 2.3 x, 256 2.0 x, 512 1.4 x (one
//   thread: 3.4, 3.5, 2.7, 1.6); input gradient: 99 to 102 % of the forward layer
//
//   avx512 (14 x 32) beside avx2, one thread, one run: 64 channels 1.04 x, 128 1.03, 256 1.08, 512 1.07, batch 16 of
//   512 1.18; input gradient 1.03 to 1.10, filter gradient 1.05 to 1.10
//
//   avx512 by pairs of panels (6 x 64) beside that, Xeon, medians of one run: ResNet-18 1.06 x, two threads 1.09
//
// What mattered, in order:
// - asking for the next panel of the filter while this one is multiplied (prefetch, in shares over the row tiles): 256
//   channels 168 -> 247, 512 at 7x7 122 -> 163. Without it the first tile of rows waits for L3 at every point.
// - points a cache line off the multiples of 4 KiB: the transform of filters was 3 times slower without.
// - 24 tiles a block: V and M of 64 columns stay near L2 up to 128 channels (884 KB at 256), and each visit to a
// filter's
//   panel pays for its 16 KB from L3. 12 tiles are as good only with nothing else on L3; 48 and more lose 5 to 30 %.
//   M of all columns instead of 64 at a time was slower for everything above 64 channels.
// - even shares of rows: 49 tiles are 9 register tiles of 5 and 6 rows.
//
// A filter that does not stay transformed (training; no room) is transformed by the tasks that use it where there is
// one block of tiles, a panel at a time in memory that stays near. Xeon with AVX-512, alternating runs, least of 10 to
// 60: training step of ResNet-18 on 32x32, batch 32, 1.05 x, ResNet-50 1.03. As a whole it is written past L2 and read
// again: 512 channels at 7x7 took 8 ms, in tasks 4.5, the implicit product 2 to 3. Reading a filter's nine taps, lines
// megabytes apart, is what remains: 3 bytes a nanosecond, rows fetched ahead or not.
//
// Two threads that take a block each, instead of sharing the points of both: Xeon, whose cores hand lines to each other
// slowly, 128 channels at 28x28 1.5 x, SqueezeNet 1.08 x, ResNet-18 1.04, GoogLeNet 1.02. Images of 32x32 and 16x16
// with 32 and 64 channels, small filters, cut into two for that and shared from 2 million operations on instead of 5
// (with the first layer in halves too): 77 -> 47 us, 52 -> 37, 31 -> 24; the small VGG as a whole 1.38 x.
//
// Blocks that are shared: all threads gather all tiles for themselves where products are ten times the work (marks in
// run()). Zen 5, two cores without a cache in common, two threads: layers of 14x14 by 256 and of 7x7 by 384 and 512
// channels 1.05 to 1.2 x, ResNet-50, SqueezeNet, ResNet-18 and GoogLeNet 1.02 to 1.03. With 128 columns it lost 15 %.
//
// Tried on the same machine: a filter that tasks transform in slabs of 64 channels that stay in L2, lines of the next
// eight channels fetched ahead (0.76 -> 0.71 ms for 256 channels at 14x14, 0.48 kept; nothing for training): what a
// transform costs are its 36 stores past L1, 370 cycles a vector.
//
// Choice (choose.cc). F(2x2) wins only where its smaller filter matters: few tiles of many channels (one image of 7x7
// and 512 channels; where memory is slow beside products also of 14x14 and 256, see there), or where the transformed
// filter of F(4x4) does not fit the budget. The implicit product wins below 4 million operations.
//
// Error. With u = 2^-24 and n <= channels + 31 roundings on a path,
//   |error of y| <= n u |A^T| [ sum over c of (|G| |g_c| |G^T|) . (|B^T| |d_c| |B|) ] |A|
// (|.| element by element), which for values bounded by D and weights by W is at most n u K channels D W with K = 620
// for F(4x4), 64 for F(2x2) and 9 for the direct sum: the worst cases are 70 and 7 times as far. (The usual points 0,
// +-1,
// +-2 give K = 2304.) Uniform values in +-1/2, 256 channels: the worst of 200 outputs is off by 2e-5 with F(4x4), 2e-6
// with F(2x2). The gradient of the filter has the same matrices transposed, and as many terms as tiles. native/test and
// test/support/oracle/winograd.ts compute this bound for each element and hold every result to it.
// A NaN makes its whole tile NaN, never less than its window; an infinity gives NaN where the direct sum gives an
// infinity (inf - inf). Values beyond about 1e37 overflow in the transform (its entries add up to 26) though the direct
// sum would not. precision "exact" excludes all of this.
#include "kernels/winograd/conv.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace striate {
namespace {

// A tile's channels in one task: 3 to 5 us. Of 20 us, 25 tiles of 128 channels were one task and 28x28 went 1.6 times
// as fast on two threads, now 1.8.
constexpr int64_t kGatherFloats = 512;
// Columns a thread from which on all of them gather all tiles: 130 cycles a tile and vector are then less than a tenth
// of a thread's products.
constexpr int64_t kGatherColumns = 80;
// Threads take tiles of their own, so many at least, where the whole filter stays in the L2 of each of them.
constexpr int64_t kLeastTilesOfThread = 8;
constexpr size_t kNearFilterBytes = 640 << 10;
constexpr size_t kMarkBytes = 64;   // a cache line a slot
constexpr int64_t kPackDepth = 32;  // channels of a panel that are transformed at a time
// Of the points of a panel that a task transforms and multiplies at a time. All channels of it, 1.2 MB of 256 and 2.4
// of 512, went out of L2 and came back: 256 channels at 14x14 in ResNet-50 took 1.1 times as long (Intel Xeon, family
// 6, model 85).
constexpr int64_t kTaskFloats = 128 << 10;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

// Points lie a cache line more than a multiple of 4 KiB apart, if that is what they would be: 36 streams that meet in
// one set of L1 evict each other.
int64_t apart(int64_t floats) { return roundUp(floats, 16) + 16; }

}  // namespace

WinogradConv::WinogradConv(const WinogradSpec& spec)
    : spec_(spec), panelWidth_(2 * spec.kernels->lanes), depth_(roundUp(spec.channels, spec.kernels->lanes)) {
  const WinogradLayout& layout = spec_.layout;
  vPoint_ = apart(layout.blockTiles * depth_);
  mRow_ = std::min(layout.groupPanels * panelWidth_, roundUp(spec_.columns, spec_.kernels->lanes));
  mPoint_ = apart(layout.blockTiles * mRow_);
  vBytes_ = static_cast<size_t>(points() * vPoint_) * sizeof(float);
  mBytes_ = static_cast<size_t>(points() * mPoint_) * sizeof(float);
  if (!layout.packsInTasks) return;
  assert(layout.shared && layout.blockTiles >= spec.images * spec.tilesPerImage());
  const int64_t fits = kTaskFloats / (points() * panelWidth_) / kPackDepth * kPackDepth;
  taskTerms_ = std::min(spec_.channels, std::max(fits, kPackDepth));
  uBytes_ = static_cast<size_t>(layout.groupPanels * panelFloats(taskTerms_)) * sizeof(float);
}

int WinogradConv::panelColumns(int64_t panel) const {
  return static_cast<int>(std::min<int64_t>(panelWidth_, spec_.columns - panel * panelWidth_));
}

size_t WinogradConv::packedBytes() const {
  const int64_t last = points() * pointFloats(widthOf(panelColumns(panels() - 1)), spec_.channels);
  return static_cast<size_t>((panels() - 1) * panelFloats(spec_.channels) + last) * sizeof(float);
}

// `packed`: where the first of these terms goes.
void WinogradConv::packTerms(int64_t panel, const Terms& terms, const float* filter, const float* scale, float* packed,
                             int64_t pointStride) const {
  WinogradFilter f;
  f.filter = filter + panel * panelWidth_ * spec_.columnStride + terms.first * spec_.depthStride;
  f.tapStride = spec_.tapStride;
  f.depthStride = spec_.depthStride;
  f.columnStride = spec_.columnStride;
  f.rotated = spec_.rotated;
  f.columnScale = scale != nullptr && !spec_.rotated ? scale + panel * panelWidth_ : nullptr;
  f.depthScale = scale != nullptr && spec_.rotated ? scale + terms.first : nullptr;
  f.depth = terms.count;
  f.columns = panelColumns(panel);
  f.width = widthOf(f.columns);
  f.panel = packed;
  f.pointStride = pointStride;
  member().filter(f);
}

void WinogradConv::pack(ThreadPool& pool, const float* filter, const float* scale, float* packed) const {
  const int64_t pieces = ceilDiv(spec_.channels, kPackDepth);
  const int64_t all = panels() * pieces;
  const int64_t tasks = std::clamp<int64_t>(spec_.channels * spec_.columns / (8 << 10), 1, all);
  pool.parallelFor(tasks, [&](int64_t task) {
    for (int64_t at = all * task / tasks; at < all * (task + 1) / tasks; ++at) {
      const int64_t panel = at / pieces, k = at % pieces * kPackDepth;
      const int width = widthOf(panelColumns(panel));
      packTerms(panel, {k, std::min(kPackDepth, spec_.channels - k)}, filter, scale,
                packed + panel * panelFloats(spec_.channels) + k * width, pointFloats(width, spec_.channels));
    }
  });
}

size_t WinogradConv::scratchBytes() const {
  const auto slots = static_cast<size_t>(ThreadPool::maxSlots());
  return slots * (vBytes_ + mBytes_ + uBytes_ + kMarkBytes);
}

void WinogradConv::gatherTiles(int64_t first, int64_t count, const WinogradOperands& operands, float* v) const {
  const int edge = spec_.layout.edge, span = winogradSpan(edge);
  const auto exists = [span](int64_t origin, int64_t size, int* begin, int* end) {
    *begin = static_cast<int>(std::clamp<int64_t>(-origin, 0, span));
    *end = static_cast<int>(std::clamp<int64_t>(size - origin, 0, span));
  };
  WinogradGather t;
  t.pixelStride = spec_.sourcePixel;
  t.rowStride = spec_.sourceW * spec_.sourcePixel;
  t.channels = spec_.channels;
  t.pointStride = vPoint_;
  for (int64_t tile = first; tile < first + count; ++tile) {
    const int64_t image = tile / spec_.tilesPerImage(), within = tile % spec_.tilesPerImage();
    const int64_t h = within / spec_.tileColumns() * edge - spec_.top;
    const int64_t w = within % spec_.tileColumns() * edge - spec_.left;
    exists(h, spec_.sourceH, &t.top, &t.bottom);
    exists(w, spec_.sourceW, &t.left, &t.right);
    t.pixels = operands.source + ((image * spec_.sourceH + h) * spec_.sourceW + w) * spec_.sourcePixel;
    t.points = v + (tile - first) * depth_;
    member().input(t);
  }
}

void WinogradConv::multiply(int64_t firstPanel, int64_t lastPanel, int64_t count, const Terms& terms,
                            const float* packed, const float* v, float* m) const {
  WinogradProduct t;
  t.vStride = depth_;
  t.rows = count;
  t.depth = terms.count;
  t.mStride = mRow_;
  t.add = terms.first > 0;
  t.panelStride = panelFloats(terms.count);
  const auto panelAt = [&](int64_t panel, int64_t point) {
    return packed + (panel - firstPanel) * panelFloats(terms.count) +
           point * pointFloats(widthOf(panelColumns(panel)), terms.count);
  };
  for (int64_t point = 0; point < points(); ++point) {
    t.v = v + point * vPoint_ + terms.first;
    for (int64_t panel = firstPanel, taken = 0; panel < lastPanel; panel += taken) {
      const auto isWide = [&](int64_t i) { return i < lastPanel && widthOf(panelColumns(i)) == panelWidth_; };
      const bool isPair = spec_.kernels->pair != nullptr && isWide(panel + 1);
      taken = isPair ? 2 : 1;
      t.u = panelAt(panel, point);
      // Past the last point of a group this is the next group, or a few addresses that nobody wants: only a hint.
      t.next = panel + taken < lastPanel ? panelAt(panel + taken, point) : panelAt(firstPanel, point + 1);
      t.m = m + point * mPoint_ + (panel - firstPanel) * panelWidth_;
      (isPair ? spec_.kernels->pair : isWide(panel) ? spec_.kernels->wide : spec_.kernels->narrow)(t);
    }
  }
}

void WinogradConv::scatterTiles(int64_t firstPanel, int64_t lastPanel, int64_t first, int64_t count,
                                const WinogradOperands& operands, const float* m) const {
  const int edge = spec_.layout.edge;
  const int64_t column = firstPanel * panelWidth_;
  WinogradScatter t;
  t.pointStride = mPoint_;
  t.pixelStride = spec_.targetPixel;
  t.rowStride = spec_.targetW * spec_.targetPixel;
  t.residualPixel = spec_.residualPixel;
  t.residualRow = spec_.targetW * spec_.residualPixel;
  t.channels = std::min(spec_.columns, lastPanel * panelWidth_) - column;
  t.bias = operands.bias == nullptr ? nullptr : operands.bias + column;
  t.activation = spec_.activation;
  t.slope = spec_.slope;
  for (int64_t tile = first; tile < first + count; ++tile) {
    const int64_t image = tile / spec_.tilesPerImage(), within = tile % spec_.tilesPerImage();
    const int64_t h = within / spec_.tileColumns() * edge, w = within % spec_.tileColumns() * edge;
    const int64_t pixel = (image * spec_.targetH + h) * spec_.targetW + w;
    t.rows = static_cast<int>(std::min<int64_t>(edge, spec_.targetH - h));
    t.columns = static_cast<int>(std::min<int64_t>(edge, spec_.targetW - w));
    t.pixels = operands.target + pixel * spec_.targetPixel + column;
    t.residual = operands.residual == nullptr ? nullptr : operands.residual + pixel * spec_.residualPixel + column;
    t.points = m + (tile - first) * mRow_;
    member().output(t);
  }
}

void WinogradConv::runPanels(int64_t firstPanel, int64_t lastPanel, int64_t first, int64_t count,
                             const WinogradOperands& operands, const float* v, float* own) const {
  float *m = own, *u = own + mBytes_ / sizeof(float);
  for (int64_t panel = firstPanel; panel < lastPanel; panel += spec_.layout.groupPanels) {
    const int64_t end = std::min(lastPanel, panel + spec_.layout.groupPanels);
    const int64_t atOnce = spec_.layout.packsInTasks ? taskTerms_ : spec_.channels;
    for (int64_t k = 0; k < spec_.channels; k += atOnce) {
      const Terms terms = {k, std::min(atOnce, spec_.channels - k)};
      if (spec_.layout.packsInTasks) {
        for (int64_t i = panel; i < end; ++i) {
          const int width = widthOf(panelColumns(i));
          for (int64_t piece = 0; piece < terms.count; piece += kPackDepth) {
            packTerms(i, {k + piece, std::min(kPackDepth, terms.count - piece)}, operands.filter, operands.scale,
                      u + (i - panel) * panelFloats(terms.count) + piece * width, pointFloats(width, terms.count));
          }
        }
      }
      multiply(panel, end, count, terms,
               spec_.layout.packsInTasks ? u : operands.packed + panel * panelFloats(spec_.channels), v, m);
    }
    scatterTiles(panel, end, first, count, operands, m);
  }
}

// Few blocks are shared, unless each thread gets as many or they may be cut so: then neither points nor, from layer to
// layer, images cross from core to core.
WinogradConv::Blocks WinogradConv::blocksFor(int64_t threads, int64_t tiles) const {
  const WinogradLayout& layout = spec_.layout;
  const int64_t blocks = ceilDiv(tiles, layout.blockTiles);
  if (!layout.shared || (blocks > 1 && blocks % threads == 0)) return {layout.blockTiles, false};
  const int64_t parts = std::min(threads, tiles / kLeastTilesOfThread);
  if (parts > 1 && layout.split && !layout.packsInTasks && packedBytes() <= kNearFilterBytes) {
    const int64_t blocksOfPart = ceilDiv(ceilDiv(tiles, parts), layout.blockTiles);
    return {ceilDiv(tiles, parts * blocksOfPart), false};
  }
  return {layout.blockTiles, true};
}

void WinogradConv::run(ThreadPool& pool, const WinogradOperands& operands) const {
  assert(operands.images <= spec_.images);
  const WinogradLayout& layout = spec_.layout;
  const int64_t tiles = operands.images * spec_.tilesPerImage();
  const Blocks cut = blocksFor(pool.threads(), tiles);
  const int64_t blockTiles = cut.tiles, blocks = ceilDiv(tiles, blockTiles);
  const auto floats = [](std::byte* at) { return reinterpret_cast<float*>(at); };
  const auto slot = [](size_t bytes) { return static_cast<size_t>(ThreadPool::slot()) * bytes; };
  if (!cut.shared) {
    const int64_t tasks = layout.split ? ceilDiv(blocks, layout.blocksPerTask) : 1;
    pool.parallelFor(tasks, [&](int64_t task) {
      std::byte* own = operands.scratch + slot(vBytes_ + mBytes_);
      float *v = floats(own), *m = floats(own + vBytes_);
      for (int64_t block = blocks * task / tasks; block < blocks * (task + 1) / tasks; ++block) {
        const int64_t first = block * blockTiles, count = std::min(blockTiles, tiles - first);
        gatherTiles(first, count, operands, v);
        runPanels(0, panels(), first, count, operands, v, m);
      }
    });
    return;
  }
  // What each thread gathers for itself need not come from another core. Marks: the block that a slot holds, plus 1.
  const bool gathersEach = pool.threads() * kGatherColumns <= spec_.columns;
  const int64_t groups = layout.split ? ceilDiv(panels(), layout.groupPanels) : 1;
  std::byte* marks = operands.scratch + static_cast<size_t>(ThreadPool::maxSlots()) * (vBytes_ + mBytes_ + uBytes_);
  // Of all slots: setThreads() may add threads at any time.
  if (gathersEach) std::memset(marks, 0, static_cast<size_t>(ThreadPool::maxSlots()) * kMarkBytes);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = block * blockTiles, count = std::min(blockTiles, tiles - first);
    if (!gathersEach) {
      const int64_t pieces = layout.split ? std::clamp<int64_t>(count * depth_ / kGatherFloats, 1, count) : 1;
      pool.parallelFor(pieces, [&](int64_t piece) {
        const int64_t begin = count * piece / pieces;
        gatherTiles(first + begin, count * (piece + 1) / pieces - begin, operands,
                    floats(operands.scratch) + begin * depth_);
      });
    }
    pool.parallelFor(groups, [&](int64_t group) {
      std::byte* own = operands.scratch + slot(vBytes_ + mBytes_ + uBytes_);
      float* v = floats(gathersEach ? own : operands.scratch);
      int64_t& mark = *reinterpret_cast<int64_t*>(marks + slot(kMarkBytes));
      if (gathersEach && mark != block + 1) {
        gatherTiles(first, count, operands, v);
        mark = block + 1;
      }
      runPanels(panels() * group / groups, panels() * (group + 1) / groups, first, count, operands, v,
                floats(own + vBytes_));
    });
  }
}

}  // namespace striate
