#include "simd/vec_avx2.h"

#include "kernels/im2col/im2col_kernels.h"

namespace striate {

const Im2colKernels kIm2colAvx2 = {gatherLine, scatterLine};

}  // namespace striate
