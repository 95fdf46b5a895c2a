// The loss kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/loss/loss_kernels.h"

const striate::LossKernels striate::kLossNeon = STRIATE_LOSS_KERNELS;
