#include "simd/vec_avx512.h"

#include "kernels/gemm/gemm_kernels.h"

namespace striate {

const GemmKernels kGemmAvx512 = {
    "avx512",
    Vec::width,
    14,
    8,
    14,
    {indirectTile<1, 2>, indirectTile<2, 2>, indirectTile<3, 2>, indirectTile<4, 2>, indirectTile<5, 2>,
     indirectTile<6, 2>, indirectTile<7, 2>, indirectTile<8, 2>, indirectTile<9, 2>, indirectTile<10, 2>,
     indirectTile<11, 2>, indirectTile<12, 2>, indirectTile<13, 2>, indirectTile<14, 2>},
    {indirectTile<1, 1>, indirectTile<2, 1>, indirectTile<3, 1>, indirectTile<4, 1>, indirectTile<5, 1>,
     indirectTile<6, 1>, indirectTile<7, 1>, indirectTile<8, 1>},
    {pixelTile<1, 2>, pixelTile<2, 2>, pixelTile<3, 2>, pixelTile<4, 2>, pixelTile<5, 2>, pixelTile<6, 2>,
     pixelTile<7, 2>, pixelTile<8, 2>, pixelTile<9, 2>, pixelTile<10, 2>, pixelTile<11, 2>, pixelTile<12, 2>,
     pixelTile<13, 2>, pixelTile<14, 2>},
    {pixelTile<1, 1>, pixelTile<2, 1>, pixelTile<3, 1>, pixelTile<4, 1>, pixelTile<5, 1>, pixelTile<6, 1>,
     pixelTile<7, 1>, pixelTile<8, 1>, pixelTile<9, 1>, pixelTile<10, 1>, pixelTile<11, 1>, pixelTile<12, 1>,
     pixelTile<13, 1>, pixelTile<14, 1>},
    packRows,
    packTransposed,
    packPlanes,
    6,
    {nullptr, nullptr, nullptr, nullptr, indirectTile<5, 4>, indirectTile<6, 4>},
};

}  // namespace striate
