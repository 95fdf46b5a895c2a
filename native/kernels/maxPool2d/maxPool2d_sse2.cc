// The maxPool2d kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/maxPool2d/maxPool2d_kernels.h"

const striate::MaxPool2dKernels striate::kMaxPool2dSse2 = STRIATE_MAX_POOL2D_KERNELS;
