// The activation kernels on neon.
#include "simd/vec_neon.h"

#include "kernels/activation/activation_kernels.h"

const striate::ActivationKernels striate::kActivationNeon = STRIATE_ACTIVATION_KERNELS;
