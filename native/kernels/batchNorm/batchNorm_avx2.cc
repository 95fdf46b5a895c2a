// The batchNorm kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/batchNorm/batchNorm_kernels.h"

const striate::BatchNormKernels striate::kBatchNormAvx2 = STRIATE_BATCH_NORM_KERNELS;
