#include "simd/vec_sse2.h"

#include "kernels/filter2d/filter2d_kernels.h"

namespace striate {

const Filter2dKernels kFilter2dSse2 = {widen, filter, filterToBytes, products};

}  // namespace striate
