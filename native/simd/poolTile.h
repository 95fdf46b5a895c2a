// Sliding windows over one row of outputs, for the pooling kernels. (Include one vec_<isa>.h first.)
//
// Limits: a window of 3x3 at stride 2 reads four vectors for each it writes: 8 cycles from L3, 15 from memory. Tiles of
// four windows combine the rows of a column once: 27 loads and 26 combinations instead of 36 of both.
// Tried: asking for the pixels of the next tile, on a Xeon whose L3 is far. 3.2 MB take 10 % less (0.03 ms of
// ResNet-18's 20), what is in L2 25 % more.
#pragma once
#include "simd/lanes.h"
#include "simd/unroll.h"

namespace striate {
namespace {

inline constexpr int kPoolWindows = 4;  // of a tile

// Windows [begin, end) of a row whose columns all lie in the image.
struct Inside {
  int64_t begin, end;
  static STRIATE_INLINE Inside of(int64_t width, int64_t outWidth, int64_t kernel, int64_t stride, int64_t pad) {
    const int64_t first = (pad + stride - 1) / stride, begin = first < outWidth ? first : outWidth;
    const int64_t room = width + pad - kernel;
    if (room < 0) return {begin, begin};
    const int64_t end = room / stride + 1 < outWidth ? room / stride + 1 : outWidth;
    return {begin, end < begin ? begin : end};
  }
};

// How windows reduce. operator() takes elements as they are loaded, join() what was reduced before.
struct PoolSum {
  STRIATE_INLINE Vec operator()(Vec a, Vec b) { return add(a, b); }
  STRIATE_INLINE Vec join(Vec a, Vec b) const { return add(a, b); }
};
// max() loses a NaN in its first operand: one comparison for each pair of elements notes whether there is any, and who
// sees it reduces again with maxPropagate.
struct PoolMax {
  Mask nan = less(Vec::zero(), Vec::zero());
  STRIATE_INLINE Vec operator()(Vec a, Vec b) {
    nan = maskOr(nan, eitherNan(a, b));
    return max(a, b);
  }
  STRIATE_INLINE Vec join(Vec a, Vec b) const { return max(a, b); }
};

// out[j] = kRows x kWindow pixels from column j * kStride on.
template <int kRows, int kWindow, int kStride, class Reduce, class Lanes>
STRIATE_INLINE void poolTile(const float* x, int64_t row, int64_t pixel, Vec (&out)[kPoolWindows], Reduce& reduce,
                             Lanes lanes) {
  static_assert(kRows == 2 || kRows == 3);
  repeat<(kPoolWindows - 1) * kStride + kWindow>(STRIATE_LAMBDA(int q) {
    const float* at = x + q * pixel;
    Vec column = reduce(lanes.load(at), lanes.load(at + row));
    if constexpr (kRows == 3) column = reduce(column, lanes.load(at + 2 * row));
    repeat<kPoolWindows>(STRIATE_LAMBDA(int j) {
      const int b = q - j * kStride;
      if (b == 0) out[j] = column;
      if (b > 0 && b < kWindow) out[j] = reduce.join(out[j], column);
    });
  });
}

// Windows [begin, end), whose columns all lie in the image, by tiles: store(first window, channel, out, reduce).
// Channels are at least a vector; the last vector overlaps the one before, and the last tile the tile before.
template <int kRows, int kWindow, int kStride, class Reduce, class Store>
STRIATE_INLINE void poolTiles(const float* x, int64_t row, int64_t pixel, int64_t channels, int64_t begin, int64_t end,
                              const Store& store) {
  for (int64_t next = begin; next < end; next += kPoolWindows) {
    const int64_t window = next < end - kPoolWindows ? next : end - kPoolWindows;
    const float* at = x + window * kStride * pixel;
    for (int64_t vector = 0; vector < channels; vector += Vec::width) {
      const int64_t c = vector < channels - Vec::width ? vector : channels - Vec::width;
      Vec out[kPoolWindows];
      Reduce reduce;
      poolTile<kRows, kWindow, kStride>(at + c, row, pixel, out, reduce, AllLanes{});
      store(window, c, out, reduce);
    }
  }
}

// Dense pixels of fewer channels than a vector: first the rows, regardless of pixels, into a buffer; then whole vectors
// from each window's first pixel on, whose lanes behind the channels the next window overwrites, or which, at the end
// of the row, are not stored. At least two rows. store(window, out, lanes); false where `accepts` refuses what was
// reduced.
inline constexpr int64_t kNarrowFloats = 4096;

template <class Reduce, class Accepts, class Store>
STRIATE_INLINE bool poolNarrow(const float* x, int64_t rows, int64_t row, int64_t channels, int64_t columns,
                               int64_t stride, int64_t begin, int64_t end, const Accepts& accepts, const Store& store) {
  float buffer[kNarrowFloats + Vec::width];
  const int64_t most = (kNarrowFloats / channels - columns) / stride + 1;
  // Windows before this one have a whole vector of outputs before the end.
  const int64_t whole = end - (Vec::width - 1) / channels;
  while (begin < end) {
    const int64_t last = begin + (end - begin < most ? end - begin : most);
    const int64_t floats = ((last - begin - 1) * stride + columns) * channels;
    const float* from = x + begin * stride * channels;
    Reduce reduce;
    forLanes(floats, [&](int64_t i, auto lanes) STRIATE_BODY {
      Vec sum = reduce(lanes.load(from + i), lanes.load(from + row + i));
      for (int64_t h = 2; h < rows; ++h) sum = reduce(sum, lanes.load(from + h * row + i));
      sum.store(buffer + i);
    });
    if (!accepts(reduce)) return false;
    const float* at = buffer;
    const auto window = [&]() STRIATE_BODY {
      Vec sum = Vec::load(at);
      for (int64_t b = 1; b < columns; ++b) sum = reduce.join(sum, Vec::load(at + b * channels));
      at += stride * channels;
      return sum;
    };
    for (; begin < last && begin < whole; ++begin) store(begin, window(), AllLanes{});
    for (; begin < last; ++begin) store(begin, window(), SomeLanes{static_cast<int>(channels)});
  }
  return true;
}

}  // namespace
}  // namespace striate
