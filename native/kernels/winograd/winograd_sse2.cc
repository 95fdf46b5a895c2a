#include "simd/vec_sse2.h"

#include "kernels/winograd/winograd_kernels.h"

namespace striate {

const WinogradKernels kWinogradSse2 = winogradKernels<4, 8, 8>();

}  // namespace striate
