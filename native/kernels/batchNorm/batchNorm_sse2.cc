// The batchNorm kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/batchNorm/batchNorm_kernels.h"

const striate::BatchNormKernels striate::kBatchNormSse2 = STRIATE_BATCH_NORM_KERNELS;
