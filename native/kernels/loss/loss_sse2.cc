// The loss kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/loss/loss_kernels.h"

const striate::LossKernels striate::kLossSse2 = STRIATE_LOSS_KERNELS;
