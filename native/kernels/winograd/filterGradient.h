// The driver of Winograd's gradient of the filter: dg = G^T [ sum over tiles (A dy A^T) . (B^T d B) ] G.
//
//   X[channels / rows][point][tile][rows]  B^T d B
//   D[columns / width][point][tile][width] A dy A^T
//   M[channels / rows][columns / width][point][rows][width]
//
// rows: two to four register tiles, and whole vectors. Transforms store whole vectors, and what went beyond a tile
// would be stored into the next one, which may be another thread's.
//
// Blocks of tiles follow one another in two stages that all threads share: points of pixels, then products, split over
// the areas (rows by one panel) of M. Each element of M is summed in the order of the tiles, whatever the
// threads.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/pool.h"
#include "kernels/winograd/winograd.h"

namespace striate {

struct WinogradFilterSpec {
  const WinogradKernels* kernels = nullptr;
  int64_t blockTiles = 1;
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

  void gather(int64_t tile, const float* x, const float* dy, float* xPoints, float* dyPoints) const;
  void multiply(int64_t row, int64_t panel, int64_t tiles, bool add, const float* xPoints, const float* dyPoints,
                float* m) const;
  void transform(int64_t row, int64_t panel, const float* m, float* dfilter) const;
  int64_t rowBlocks() const { return (spec_.channels + rows_ - 1) / rows_; }
  int64_t panels() const { return (spec_.columns + width_ - 1) / width_; }
  int64_t areas() const { return rowBlocks() * panels(); }

  WinogradFilterSpec spec_;
  int64_t rows_;                             // channels of a block
  int64_t width_;                            // of all panels: two vectors, or one where that holds all columns
  int64_t blocks_;                           // at capacity
  int64_t xPoint_, dyPoint_, mPoint_;        // strides
  int64_t xFloats_, dyFloats_, areaFloats_;  // of a block of channels, of a panel, of an area
};

}  // namespace striate
