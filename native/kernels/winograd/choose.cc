// Constants of the model: Zen 4 (avx2, 110 to 118 GFLOP/s), one thread, measured part by part on the shapes of conv.h.
// On sse2 the same instructions do half the lanes, and a multiplication with its addition is two. For server cores of
// Intel those of an Xeon (family 6, model 85), measured in rows of layers whose filters come from memory, as a model's
// do.
#include "kernels/winograd/choose.h"

#include <algorithm>

namespace striate {
namespace {

constexpr double kProductEfficiency = 0.93;  // of a register tile, its stores included
constexpr double kTileCycles = 25;           // to begin and end one
constexpr double kCacheBytes = 12e6;         // of a filter that a second visit finds in L3
constexpr double kCacheSpeed = 25;           // bytes per nanosecond that are hidden behind the products
constexpr double kMemorySpeed = 14;
// Where L3 is far, and cores are many, one core gets less from memory. Edges 4 and 2, ms for one image, one thread: 192
// channels at 14x14 0.61 and 0.56, 256 1.06 and 0.97, 512 4.2 and 3.7 (on two threads 2.2 and 2.0); at 28x28 256 2.9
// and 3.9, 512 10 and 15. Implicit: 512 at 7x7 2.05, edge 2 1.78.
constexpr double kFarMemorySpeed = 9.5;
constexpr double kFarCacheBytes = 4e6;  // of a filter that stays in L3 beside those of other layers
constexpr double kFarShown = 0.4;       // of that time, beside the implicit product
// Of a filter that is transformed at each run, bytes per nanosecond: as a whole, when it is written and read again past
// L2; by the tasks that use it, whose time is that of reading lines pages apart (Xeon; 512 channels at 7x7: 4.5 ms).
constexpr double kPackSpeed = 4;
constexpr double kNearPackSpeed = 3;
constexpr double kNearBytes = 256e3;       // found in L2
constexpr int64_t kBlockPoints = 36 * 24;  // V of 128 channels and M of 64 columns: 442 and 221 KB
constexpr int64_t kGroupColumns = 64;
constexpr int64_t kLeastBlocks = 8;  // of threads' own; fewer are shared
constexpr int64_t kSumTiles = 64;    // of a block where tiles are summed over: 24 to 96 differ by 5 %
constexpr int64_t kMostChunks = 16, kLeastChunkBlocks = 4;
constexpr int64_t kMostSums = 4 * 128 * 128;  // channels times filters, of all chunks: 9 MB
constexpr double kSerialFlops = 2e6;          // 15 to 30 us: less stays on one thread
constexpr double kTaskFlops = 2.5e6;
constexpr int64_t kPanelsOfPairs = 4;  // from there on two of them stay together

double ceilDiv(int64_t a, int64_t b) {
  const int64_t quotient = (a + b - 1) / b;
  return static_cast<double>(quotient);
}

// Of the two machines that the model was fitted to.
double cyclesPerNanosecond() { return hasFarL3() ? 2.4 : 3.6; }

// Cycles of the products of `rows` rows with all columns, per k. A tile of few rows waits for its additions.
double productCycles(const WinogradWork& work, int64_t rows, int64_t depth) {
  const int64_t lanes = work.kernels->lanes;
  const bool narrow = (work.columns - 1) % (2 * lanes) + 1 <= lanes;
  const double panels = ceilDiv(work.columns, 2 * lanes) - (narrow ? 0.5 : 0);
  const double tiles = ceilDiv(rows, work.kernels->rows);
  // Not avx512DoublesPeak(): Zen 5 has been measured with the constants of Zen 4 only.
  const bool halfSpeed = lanes == 4 || (lanes == 16 && !hasFarL3());
  const double perTile = std::max(4.0, static_cast<double>(rows) / tiles) * (halfSpeed ? 2 : 1);
  return tiles * panels * (perTile * static_cast<double>(depth) / kProductEfficiency + kTileCycles);
}

double streamNanoseconds(double bytes, double visits) {
  if (bytes <= kNearBytes) return 0;
  return bytes * visits / (bytes <= kCacheBytes ? kCacheSpeed : kMemorySpeed);
}

// Of a filter, which those of other layers may have driven out since the last run.
double filterNanoseconds(double bytes, double visits) {
  if (!hasFarL3() || bytes <= kFarCacheBytes) return streamNanoseconds(bytes, visits);
  return bytes / kFarMemorySpeed + bytes * (visits - 1) / kCacheSpeed;
}

double plainBytes(const WinogradWork& work) { return 36.0 * static_cast<double>(work.channels * work.columns); }

// Of the gradient of the filter.
int64_t filterTiles(const WinogradWork& work) {
  return work.images * ((work.targetH + 3) / 4) * ((work.targetW + 3) / 4);
}

double transformCycles(const WinogradWork& work, int edge, int64_t tiles) {
  const double vectors = ceilDiv(work.channels, work.kernels->lanes) + ceilDiv(work.columns, work.kernels->lanes);
  return static_cast<double>(tiles) * (vectors * (edge == 4 ? 90 : 40) + 40);
}

}  // namespace

double implicitNanoseconds(const WinogradWork& work) {
  const int64_t rows = work.images * work.targetH * work.targetW;
  const double compute = productCycles(work, rows, 9 * work.channels) / cyclesPerNanosecond();
  const double bytes = plainBytes(work), stream = filterNanoseconds(bytes, 1);
  const double pack = work.constant && bytes <= static_cast<double>(work.budget) ? 0 : bytes / 5;
  return (hasFarL3() ? compute + kFarShown * stream : std::max(compute, stream)) + pack;
}

WinogradChoice winogradChoice(const WinogradWork& work, int edge) {
  WinogradChoice choice;
  WinogradLayout& layout = choice.layout;
  layout.edge = edge;
  const int64_t points = winogradPoints(edge);
  const int64_t tiles = work.images * ((work.targetH + edge - 1) / edge) * ((work.targetW + edge - 1) / edge);
  const int64_t lanes = work.kernels->lanes;
  const int64_t most = kBlockPoints / points;

  // Blocks of equal size, an even number of them.
  int64_t blocks = std::max<int64_t>(1, (tiles + most / 2) / most);
  if (blocks > 1) blocks += blocks % 2;
  layout.blockTiles = (tiles + blocks - 1) / blocks;
  blocks = (tiles + layout.blockTiles - 1) / layout.blockTiles;
  layout.shared = blocks < kLeastBlocks;
  const int64_t mostPanels = lanes == 16 ? kGroupColumns / (2 * lanes) : 4;
  layout.groupPanels = mostPanels;
  const double flops = 2.0 * static_cast<double>(tiles * points) * static_cast<double>(work.channels * work.columns);
  layout.split = flops > kSerialFlops;
  if (layout.shared) {
    // Enough groups of panels for several threads, where the work is worth it.
    const int64_t panels = (work.columns + 2 * lanes - 1) / (2 * lanes);
    const double wanted = std::clamp(flops / static_cast<double>(blocks) / kTaskFlops, 1.0, 16.0);
    const int64_t leastPanels = work.kernels->pair != nullptr && panels >= kPanelsOfPairs ? 2 : 1;
    layout.groupPanels = std::clamp<int64_t>(panels / static_cast<int64_t>(wanted), leastPanels, mostPanels);
  } else {
    layout.blocksPerTask = std::max<int64_t>(1, static_cast<int64_t>(kTaskFlops / flops * static_cast<double>(blocks)));
  }

  const double columns = ceilDiv(work.columns, lanes) * static_cast<double>(lanes);
  const double bytes = 4.0 * static_cast<double>(points) * (static_cast<double>(work.channels) * columns + 16);
  choice.packedBytes = static_cast<uint64_t>(bytes);
  choice.keeps = work.constant && choice.packedBytes <= work.budget;
  layout.packsInTasks = !choice.keeps && blocks == 1;
  if (layout.packsInTasks) layout.groupPanels = 1;
  const double products = static_cast<double>(points * blocks) * productCycles(work, layout.blockTiles, work.channels) *
                          static_cast<double>(tiles) / static_cast<double>(blocks * layout.blockTiles);
  const double pack = static_cast<double>(work.channels) * columns / static_cast<double>(lanes) *
                          (edge == 4 ? 110 : 50) / cyclesPerNanosecond() +
                      (layout.packsInTasks  ? plainBytes(work) / kNearPackSpeed
                       : bytes > kNearBytes ? bytes / kPackSpeed
                                            : 0);
  choice.nanoseconds = std::max(products / cyclesPerNanosecond(),
                                layout.packsInTasks ? 0 : filterNanoseconds(bytes, static_cast<double>(blocks))) +
                       transformCycles(work, edge, tiles) / cyclesPerNanosecond() + (choice.keeps ? 0 : pack);
  return choice;
}

int64_t winogradFilterBlock(const WinogradWork& work) {
  const int64_t tiles = filterTiles(work);
  const int64_t blocks = std::max<int64_t>(1, (tiles + kSumTiles / 2) / kSumTiles);
  return (tiles + blocks - 1) / blocks;
}

int64_t winogradFilterChunk(const WinogradWork& work) {
  const int64_t tiles = filterTiles(work);
  const int64_t block = winogradFilterBlock(work), blocks = (tiles + block - 1) / block;
  const int64_t most = std::clamp<int64_t>(kMostSums / (work.channels * work.columns), 1, kMostChunks);
  const int64_t chunks = std::clamp<int64_t>(blocks / kLeastChunkBlocks, 1, most);
  return (blocks + chunks - 1) / chunks;
}

double winogradFilterNanoseconds(const WinogradWork& work) {
  const int64_t tiles = filterTiles(work);
  const double blocks = ceilDiv(tiles, winogradFilterBlock(work));
  // Areas of the sums are read and written once a block.
  const double outer =
      36 * (productCycles(work, work.channels, tiles) + blocks * productCycles(work, work.channels, 12));
  const double sums = 36 * 4.0 * static_cast<double>(work.channels * work.columns) * (blocks > 1 ? 2 * blocks : 0);
  const double adjoint = ceilDiv(work.columns, work.kernels->lanes) * static_cast<double>(work.channels) * 60;
  return (outer + transformCycles(work, 4, tiles) + adjoint) / cyclesPerNanosecond() +
         streamNanoseconds(sums / blocks, 0.3 * blocks);
}

double overPixelsNanoseconds(const WinogradWork& work) {
  const int64_t pixels = work.images * work.targetH * work.targetW;
  return 9 * productCycles(work, work.channels, pixels) / cyclesPerNanosecond();
}

}  // namespace striate
