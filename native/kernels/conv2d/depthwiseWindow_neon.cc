#include "simd/vec_neon.h"

#include "kernels/conv2d/depthwiseWindow_kernels.h"

const striate::DepthwiseWindowKernels striate::kDepthwiseWindowNeon = striate::kWindows;
