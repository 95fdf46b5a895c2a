// The sgd kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/sgd/sgd_kernels.h"

const striate::SgdKernels striate::kSgdNeon = STRIATE_SGD_KERNELS;
