#include "simd/vec_neon.h"

#include "kernels/fewChannels/lanes_table.h"

namespace striate {

const LanesKernels kLanesNeon = STRIATE_LANES_KERNELS(STRIATE_LANES_DEPTH, STRIATE_LANES_SHAPES);

}  // namespace striate
