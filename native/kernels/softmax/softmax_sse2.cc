// The softmax kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/softmax/softmax_kernels.h"

const striate::SoftmaxKernels striate::kSoftmaxSse2 = STRIATE_SOFTMAX_KERNELS;
