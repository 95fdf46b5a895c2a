// The loss kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/loss/loss_kernels.h"

const striate::LossKernels striate::kLossAvx2 = STRIATE_LOSS_KERNELS;
