#include "simd/vec_sse2.h"

#include "kernels/conv2d/depthwiseWindow_kernels.h"

const striate::DepthwiseWindowKernels striate::kDepthwiseWindowSse2 = striate::kWindows;
