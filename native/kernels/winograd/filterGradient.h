// The driver of Winograd's gradient of the filter: dg = G^T [ sum over tiles (A dy A^T) . (B^T d B) ] G.
//
//   X[channels / rows][point][tile][rows]  B^T d B
//   D[columns / width][point][tile][width] A dy A^T
//   M[channels / rows][columns / width][point][rows][width]
//
// rows: two to four register tiles, and whole vectors. Transforms store whole vectors, and what went beyond a tile
// would be stored into the next one, which may be another thread's.
//
// Tiles come in blocks, whose points are in memory at once, and blocks in chunks, each with sums M of its own that are
// added at the end, in their order. What a chunk is follows from the shape, so that the threads do not show. Several
// chunks are dealt out among the threads, and nothing crosses from core to core before the sums. A single chunk, where
// sums are large, is shared: the points of a block are split by their channels, products by areas (rows by one panel)
// of M.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/pool.h"
#include "kernels/winograd/winograd.h"

namespace striate {

struct WinogradFilterSpec {
  const WinogradKernels* kernels = nullptr;
  int64_t blockTiles = 1;
  int64_t chunkBlocks = 1;
  bool split = true;   // false: too little work for a second thread
  int64_t images = 0;  // capacity
  int64_t sourceH = 0, sourceW = 0, channels = 0;
  int64_t targetH = 0, targetW = 0, columns = 0;
  int64_t top = 0, left = 0;
  int64_t sourcePixel = 0, targetPixel = 0;
  int64_t tapStride = 0, channelStride = 0;  // of dfilter, whose columns are neighbours

  int64_t tileColumns() const { return (targetW + 3) / 4; }
  int64_t tilesPerImage() const { return (targetH + 3) / 4 * tileColumns(); }
};

class WinogradFilterConv {
 public:
  explicit WinogradFilterConv(const WinogradFilterSpec& spec);
  size_t scratchBytes() const;
  void run(ThreadPool& pool, int64_t images, const float* x, const float* dy, float* dfilter, std::byte* scratch) const;

 private:
  static constexpr int kEdge = 4, kPoints = winogradPoints(kEdge);

  // Both of one tile: rows of X and panels of D.
  void gatherX(int64_t tile, int64_t firstRow, int64_t lastRow, const float* x, float* points) const;
  void gatherDy(int64_t tile, int64_t firstPanel, int64_t lastPanel, const float* dy, float* points) const;
  void multiply(int64_t row, int64_t panel, int64_t tiles, bool add, const float* xPoints, const float* dyPoints,
                float* m) const;
  // The gradient of channels [first, last) of a row, of M and as many more behind it as there are chunks.
  void transform(int64_t row, int64_t panel, int64_t first, int64_t last, const float* m, int64_t chunks,
                 float* dfilter) const;
  void runChunks(ThreadPool& pool, int64_t tiles, const float* x, const float* dy, float* dfilter, float* points) const;
  void runShared(ThreadPool& pool, int64_t tiles, const float* x, const float* dy, float* dfilter, float* points) const;
  int64_t rowBlocks() const { return (spec_.channels + rows_ - 1) / rows_; }
  int64_t panels() const { return (spec_.columns + width_ - 1) / width_; }
  int64_t areas() const { return rowBlocks() * panels(); }
  int64_t pointFloats() const { return rowBlocks() * xFloats_ + panels() * dyFloats_; }
  int64_t sumFloats() const { return areas() * areaFloats_; }

  WinogradFilterSpec spec_;
  int64_t rows_;                             // channels of a block
  int64_t width_;                            // of all panels: two vectors, or one where that holds all columns
  int64_t blocks_, chunks_;                  // at capacity
  int64_t xPoint_, dyPoint_, mPoint_;        // strides
  int64_t xFloats_, dyFloats_, areaFloats_;  // of a block of channels, of a panel, of an area
};

}  // namespace striate
