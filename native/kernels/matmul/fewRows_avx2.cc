#include "simd/vec_avx2.h"

#include "kernels/matmul/fewRows_kernels.h"

namespace striate {

const FewRowsKernels kFewRowsAvx2 = {product};

}  // namespace striate
