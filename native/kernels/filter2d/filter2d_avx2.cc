#include "simd/vec_avx2.h"

#include "kernels/filter2d/filter2d_kernels.h"

namespace striate {

const Filter2dKernels kFilter2dAvx2 = {widen, filter, filterToBytes, products};

}  // namespace striate
