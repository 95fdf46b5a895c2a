#include "simd/vec_avx512.h"

#include "kernels/conv2d/depthwiseWindow_kernels.h"

const striate::DepthwiseWindowKernels striate::kDepthwiseWindowAvx512 = striate::kWindowsOf3;
