// The arithmetic kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/arithmetic/arithmetic_kernels.h"

const striate::ArithmeticKernels striate::kArithmeticSse2 = STRIATE_ARITHMETIC_KERNELS;
