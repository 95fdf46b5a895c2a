#include "simd/vec_avx2.h"

#include "kernels/conv2d/depthwiseGradient_kernels.h"

const striate::DepthwiseGradientKernels striate::kDepthwiseGradientAvx2 = striate::kGradients;
