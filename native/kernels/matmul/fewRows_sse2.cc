#include "simd/vec_sse2.h"

#include "kernels/matmul/fewRows_kernels.h"

namespace striate {

const FewRowsKernels kFewRowsSse2 = {product};

}  // namespace striate
