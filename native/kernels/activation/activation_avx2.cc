// The activation kernels on avx2 (built with -mavx2 -mfma).
#include "simd/vec_avx2.h"

#include "kernels/activation/activation_kernels.h"

const striate::ActivationKernels striate::kActivationAvx2 = STRIATE_ACTIVATION_KERNELS;
