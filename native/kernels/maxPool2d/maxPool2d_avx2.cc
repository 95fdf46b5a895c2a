// The maxPool2d kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/maxPool2d/maxPool2d_kernels.h"

const striate::MaxPool2dKernels striate::kMaxPool2dAvx2 = STRIATE_MAX_POOL2D_KERNELS;
