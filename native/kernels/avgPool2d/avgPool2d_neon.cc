// The avgPool2d kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/avgPool2d/avgPool2d_kernels.h"

const striate::AvgPool2dKernels striate::kAvgPool2dNeon = STRIATE_AVG_POOL2D_KERNELS;
