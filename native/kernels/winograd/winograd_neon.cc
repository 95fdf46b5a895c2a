#include "simd/vec_neon.h"

#include "kernels/winograd/winograd_kernels.h"

namespace striate {

const WinogradKernels kWinogradNeon = winogradKernels<8, 12, 12>();

}  // namespace striate
