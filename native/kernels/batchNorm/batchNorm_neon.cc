// The batchNorm kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/batchNorm/batchNorm_kernels.h"

const striate::BatchNormKernels striate::kBatchNormNeon = STRIATE_BATCH_NORM_KERNELS;
