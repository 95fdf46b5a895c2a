#include "simd/vec_avx512.h"

#include "kernels/fewChannels/lanes_table.h"

namespace striate {

const LanesKernels kLanesAvx512 = STRIATE_LANES_KERNELS(STRIATE_DEEP_LANES_DEPTH, STRIATE_DEEP_LANES_SHAPES);

}  // namespace striate
