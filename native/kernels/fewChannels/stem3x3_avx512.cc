#include "simd/vec_avx512.h"

#include "kernels/fewChannels/stem3x3_kernels.h"

namespace striate {

const Stem3x3Kernels kStem3x3Avx512 = kStem3x3;

}  // namespace striate
