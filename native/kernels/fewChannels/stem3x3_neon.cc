#include "simd/vec_neon.h"

#include "kernels/fewChannels/stem3x3_kernels.h"

namespace striate {

const Stem3x3Kernels kStem3x3Neon = kStem3x3;

}  // namespace striate
