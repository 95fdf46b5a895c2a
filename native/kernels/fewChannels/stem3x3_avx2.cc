#include "simd/vec_avx2.h"

#include "kernels/fewChannels/stem3x3_kernels.h"

namespace striate {

const Stem3x3Kernels kStem3x3Avx2 = kStem3x3;

}  // namespace striate
