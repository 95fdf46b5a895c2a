#include "simd/vec_avx512.h"

#include "kernels/winograd/winograd_kernels.h"

namespace striate {

const WinogradKernels kWinogradAvx512 = winogradKernels<14, 8, 14>(product<6, 4>);

}  // namespace striate
