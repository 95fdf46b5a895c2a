#include "simd/vec_avx2.h"

#include "kernels/conv2d/depthwiseWindow_kernels.h"

const striate::DepthwiseWindowKernels striate::kDepthwiseWindowAvx2 = striate::kWindows;
