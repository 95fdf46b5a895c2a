// The maxPool2d kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/maxPool2d/maxPool2d_kernels.h"

const striate::MaxPool2dKernels striate::kMaxPool2dNeon = STRIATE_MAX_POOL2D_KERNELS;
