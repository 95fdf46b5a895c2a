#include "simd/vec_avx2.h"

#include "kernels/winograd/winograd_kernels.h"

namespace striate {

const WinogradKernels kWinogradAvx2 = winogradKernels<6, 8, 12>();

}  // namespace striate
