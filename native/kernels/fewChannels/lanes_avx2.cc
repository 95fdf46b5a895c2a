#include "simd/vec_avx2.h"

#include "kernels/fewChannels/lanes_table.h"

namespace striate {

const LanesKernels kLanesAvx2 = STRIATE_LANES_KERNELS(STRIATE_LANES_DEPTH, STRIATE_LANES_SHAPES);

}  // namespace striate
