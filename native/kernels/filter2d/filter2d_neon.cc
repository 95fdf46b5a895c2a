#include "simd/vec_neon.h"

#include "kernels/filter2d/filter2d_kernels.h"

namespace striate {

const Filter2dKernels kFilter2dNeon = {widen, filter, filterToBytes, products};

}  // namespace striate
