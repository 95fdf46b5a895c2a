// The arithmetic kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/arithmetic/arithmetic_kernels.h"

const striate::ArithmeticKernels striate::kArithmeticNeon = STRIATE_ARITHMETIC_KERNELS;
