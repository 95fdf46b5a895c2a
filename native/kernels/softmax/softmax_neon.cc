// The softmax kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/softmax/softmax_kernels.h"

const striate::SoftmaxKernels striate::kSoftmaxNeon = STRIATE_SOFTMAX_KERNELS;
