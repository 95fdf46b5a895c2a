// The arithmetic kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/arithmetic/arithmetic_kernels.h"

const striate::ArithmeticKernels striate::kArithmeticAvx2 = STRIATE_ARITHMETIC_KERNELS;
