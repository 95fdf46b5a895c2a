// The avgPool2d kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/avgPool2d/avgPool2d_kernels.h"

const striate::AvgPool2dKernels striate::kAvgPool2dAvx2 = STRIATE_AVG_POOL2D_KERNELS;
