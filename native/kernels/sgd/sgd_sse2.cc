// The sgd kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/sgd/sgd_kernels.h"

const striate::SgdKernels striate::kSgdSse2 = STRIATE_SGD_KERNELS;
