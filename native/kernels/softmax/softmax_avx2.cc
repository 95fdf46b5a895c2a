// The softmax kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/softmax/softmax_kernels.h"

const striate::SoftmaxKernels striate::kSoftmaxAvx2 = STRIATE_SOFTMAX_KERNELS;
