#include "simd/vec_sse2.h"

#include "kernels/conv2d/depthwiseGradient_kernels.h"

const striate::DepthwiseGradientKernels striate::kDepthwiseGradientSse2 = striate::kGradients;
