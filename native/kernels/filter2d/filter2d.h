// One kernel slid over every channel of an image:
//   y[n,i,j,c] = offset + sum over a, b of kernel[a,b] * x[n, i + a, j + b, c]
// where `kernel` may be given as a product, kernel = left[kh,terms] * right[terms,kw]: then rows are filtered by each
// row of `right` and the results are summed down the columns, terms * (kh + kw) products instead of kh * kw. A weight
// of 0 reads nothing: a NaN under it does not reach y, and sparse kernels cost what their weights cost.
//
// An image is rows of width * channels numbers, and tap b of a kernel's row is the same row b * channels numbers on, so
// lanes never know of channels: one channel fills vectors as well as three or fifty. Two rows of y share what they
// load: of 16 registers 12 are sums (6 vectors of two rows), which takes 0.8 loads for a product at 15x15, 0.95 at 3x3.
// Each number of y is summed in the order of the kernel's rows, beginning with `offset`, wherever it stands in its row,
// band or task: tiles of an image have the bits of the whole.
//
// 12 megapixels of RGB, bytes to bytes, Zen 4, avx2, ms with one thread / two (59 billion products a second and thread
// are the limit: 5.5, 15, 49 and 137 ms; reading and writing 72 MB take 3 to 7):
//   direct    3x3 18 / 8.7   5x5 34 / 19   9x9 91 / 49   15x15 245 / 131
//   1 term    3x3 16 / 9.5   5x5 22 / 13   9x9 30 / 17   15x15  43 /  25
//   2 terms   3x3 22 / 13    5x5 33 / 18   9x9 50 / 26   15x15  77 /  39
// Against sharp's convolve and OpenCV's filter2D that leaves integers (16 bits, twice the products an instruction)
// nothing to win: see bench/README.md.
//
// Bytes become floats once per row and strip of columns, in a ring of kh + 1 rows that stays in the second level cache.
//
// Plain data and function pointers only (ISA files include this).
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

// Whom a run of weights serves: both rows of y, or one of them where the window of the other does not reach.
enum class FilterRows : int64_t { both = 0, first, second };

struct FilterRun {
  int64_t end;  // one past its last weight
  FilterRows rows;
};

// The weights of one or two rows of y, in the order in which they are summed. Those for row k are weights[2 * i + k].
struct FilterWeights {
  const float* weights;
  const FilterRun* runs;
  int64_t runCount;
};

struct Filter2dKernels {
  // y[i] = x[i], n bytes.
  void (*widen)(const uint8_t* x, int64_t n, float* y);
  // For 0 <= i < n, k = 0 and, where y1 is not null, 1:  yk[i] = offset + sum over weights w of weights[2w+k] *
  // x[w][i]. Without y1 all runs are of `first`. Nothing overlaps; no alignment.
  void (*filter)(const FilterWeights& weights, const float* const* x, int64_t n, float offset, float* y0, float* y1);
  // The same rounded to the nearest whole number, ties to even, and saturated to 0 .. 255. NaN gives 0.
  void (*filterToBytes)(const FilterWeights& weights, const float* const* x, int64_t n, float offset, uint8_t* y0,
                        uint8_t* y1);
  // sums[b] += sum over i < n of dy[i] * x[i + b * step], 0 <= b < count.
  void (*products)(const float* x, const float* dy, int64_t n, int64_t count, int64_t step, double* sums);
};

extern const Filter2dKernels kFilter2dSse2;
extern const Filter2dKernels kFilter2dAvx2;
extern const Filter2dKernels kFilter2dNeon;

}  // namespace striate
