// The product of a few rows with a matrix that is read once, in place, row by row: y[m, n] = act(scale[n] * sum_k
// a[m, k] * b[k, n] + bias[n] + residual[m, n]).
//
// Plain data and function pointers only: ISA files include this header.
#pragma once
#include <cstdint>

namespace striate {

inline constexpr int kFewRowsTerms = 8;  // rows of b at a time

struct FewRowsBlock {
  const float* a;  // a[m * aStride + k]
  int64_t aStride;
  const float* b;  // b[k * bStride + n]
  int64_t bStride;
  int64_t rows, depth, columns;  // each >= 1; columns of this block, where b, sums, scale, bias, residual, y begin
  float* sums;                   // sums[m * sumStride + n]: room for columns rounded up to whole vectors
  int64_t sumStride;
  const float* scale;     // or null
  const float* bias;      // or null
  const float* residual;  // residual[m * residualStride + n], or null
  int64_t residualStride;
  float* y;  // y[m * yStride + n]
  int64_t yStride;
  bool fetches;  // the rows of b are short and come from far: the next ones are fetched by hand
  int activation;
  float slope;
};

struct FewRowsKernels {
  void (*product)(const FewRowsBlock&);
};

extern const FewRowsKernels kFewRowsSse2;
extern const FewRowsKernels kFewRowsAvx2;
extern const FewRowsKernels kFewRowsNeon;

}  // namespace striate
