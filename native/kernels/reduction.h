// How a sum over pixels is cut, so that its rounding depends on shape and capacity only. Pixels are reduced in chunks,
// each by one task into its own partial sums; the partials are then combined in the order of the chunks, in float64.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/op.h"

namespace striate {

// Floats in a chunk: a few microseconds of work, and small against an image batch worth splitting.
inline constexpr int64_t kChunkElements = 32768;
// At least so many pixels, to keep the partials small beside the data, ...
inline constexpr int64_t kChunkPixels = 64;
// ... and at most so many chunks.
inline constexpr int64_t kMostChunks = 256;

// `fold` neighbouring pixels of a dense tensor are reduced as one wide pixel of `columns` = fold * channels, so that
// few channels still fill vectors; whoever combines the partials adds the folds of a channel. 1 where there is no need,
// or no way.
inline int64_t foldOf(int64_t channels, bool allDense) {
  if (!allDense || channels >= 64 || channels % 16 == 0) return 1;
  return channels < 4 ? 16 * ((4 + channels - 1) / channels) : 16;
}

struct Chunking {
  int64_t channels;
  int64_t fold;
  int64_t columns;      // fold * channels
  int64_t chunkPixels;  // a multiple of fold
  int64_t chunks;       // at capacity

  static Chunking of(const TensorDesc& t, bool allDense) {
    Chunking c;
    c.channels = t.channels();
    c.fold = foldOf(c.channels, allDense);
    c.columns = c.fold * c.channels;
    const int64_t pixels = t.pixels();
    int64_t size = std::max(kChunkPixels, kChunkElements / c.channels);
    size = std::max(size, (pixels + kMostChunks - 1) / kMostChunks);
    c.chunkPixels = (size + c.fold - 1) / c.fold * c.fold;
    c.chunks = (pixels + c.chunkPixels - 1) / c.chunkPixels;
    return c;
  }
  int64_t liveChunks(int64_t pixels) const { return (pixels + chunkPixels - 1) / chunkPixels; }

  // visit(first pixel, wide pixels, columns): the whole wide pixels of a chunk and then, with fewer columns, what is
  // left.
  template <class Visit>
  void forWidePixels(int64_t chunk, int64_t pixels, const Visit& visit) const {
    const int64_t begin = chunk * chunkPixels, end = std::min(pixels, begin + chunkPixels);
    const int64_t whole = (end - begin) / fold, rest = (end - begin) % fold;
    if (whole > 0) visit(begin, whole, columns);
    if (rest > 0) visit(begin + whole * fold, int64_t{1}, rest * channels);
  }
  // Pixels that a column of fold number f sees in a chunk.
  int64_t pixelsOfFold(int64_t chunk, int64_t pixels, int64_t f) const {
    const int64_t size = std::min(pixels - chunk * chunkPixels, chunkPixels);
    return size / fold + (f < size % fold ? 1 : 0);
  }
};

// Channels that one task combines; its float64 sums fit the stack.
inline constexpr int64_t kCombineBlock = 64;

// sums[c] = sum of the partials of channels [first, first + n), n <= kCombineBlock. Partials are [chunk][columns],
// `stride` apart.
inline void combineSums(const Chunking& chunking, int64_t chunks, const float* partials, int64_t stride, int64_t first,
                        int64_t n, double* sums) {
  for (int64_t c = 0; c < n; ++c) sums[c] = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    for (int64_t f = 0; f < chunking.fold; ++f) {
      const float* partial = partials + chunk * stride + f * chunking.channels + first;
      for (int64_t c = 0; c < n; ++c) sums[c] += partial[c];
    }
  }
}

}  // namespace striate
