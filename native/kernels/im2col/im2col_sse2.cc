#include "simd/vec_sse2.h"

#include "kernels/im2col/im2col_kernels.h"

namespace striate {

const Im2colKernels kIm2colSse2 = {gatherLine, scatterLine};

}  // namespace striate
