// The activation kernels on sse2.
#include "simd/vec_sse2.h"

#include "kernels/activation/activation_kernels.h"

const striate::ActivationKernels striate::kActivationSse2 = STRIATE_ACTIVATION_KERNELS;
