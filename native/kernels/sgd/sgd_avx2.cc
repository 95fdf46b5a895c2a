// The sgd kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/sgd/sgd_kernels.h"

const striate::SgdKernels striate::kSgdAvx2 = STRIATE_SGD_KERNELS;
