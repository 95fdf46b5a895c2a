#include "simd/vec_avx2.h"

#include "kernels/gemm/gemm_kernels.h"

namespace striate {

const GemmKernels kGemmAvx2 = {
    "avx2",
    Vec::width,
    6,
    8,
    12,
    {indirectTile<1, 2>, indirectTile<2, 2>, indirectTile<3, 2>, indirectTile<4, 2>, indirectTile<5, 2>,
     indirectTile<6, 2>},
    {indirectTile<1, 1>, indirectTile<2, 1>, indirectTile<3, 1>, indirectTile<4, 1>, indirectTile<5, 1>,
     indirectTile<6, 1>, indirectTile<7, 1>, indirectTile<8, 1>},
    {pixelTile<1, 2>, pixelTile<2, 2>, pixelTile<3, 2>, pixelTile<4, 2>, pixelTile<5, 2>, pixelTile<6, 2>},
    {pixelTile<1, 1>, pixelTile<2, 1>, pixelTile<3, 1>, pixelTile<4, 1>, pixelTile<5, 1>, pixelTile<6, 1>,
     pixelTile<7, 1>, pixelTile<8, 1>, pixelTile<9, 1>, pixelTile<10, 1>, pixelTile<11, 1>, pixelTile<12, 1>},
    packRows,
    packTransposed,
    packPlanes,
};

}  // namespace striate
