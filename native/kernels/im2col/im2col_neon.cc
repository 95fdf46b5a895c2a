#include "simd/vec_neon.h"

#include "kernels/im2col/im2col_kernels.h"

namespace striate {

const Im2colKernels kIm2colNeon = {gatherLine, scatterLine};

}  // namespace striate
