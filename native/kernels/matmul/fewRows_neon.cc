#include "simd/vec_neon.h"

#include "kernels/matmul/fewRows_kernels.h"

namespace striate {

const FewRowsKernels kFewRowsNeon = {product};

}  // namespace striate
