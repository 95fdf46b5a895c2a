// The avgPool2d kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/avgPool2d/avgPool2d_kernels.h"

const striate::AvgPool2dKernels striate::kAvgPool2dSse2 = STRIATE_AVG_POOL2D_KERNELS;
