#include "simd/vec_neon.h"

#include "kernels/conv2d/depthwiseGradient_kernels.h"

const striate::DepthwiseGradientKernels striate::kDepthwiseGradientNeon = striate::kGradients;
