#include "simd/vec_sse2.h"

#include "kernels/gemm/gemm_kernels.h"

namespace striate {

const GemmKernels kGemmSse2 = {
    "sse2",
    Vec::width,
    4,
    8,
    8,
    {indirectTile<1, 2>, indirectTile<2, 2>, indirectTile<3, 2>, indirectTile<4, 2>},
    {indirectTile<1, 1>, indirectTile<2, 1>, indirectTile<3, 1>, indirectTile<4, 1>, indirectTile<5, 1>,
     indirectTile<6, 1>, indirectTile<7, 1>, indirectTile<8, 1>},
    {pixelTile<1, 2>, pixelTile<2, 2>, pixelTile<3, 2>, pixelTile<4, 2>},
    {pixelTile<1, 1>, pixelTile<2, 1>, pixelTile<3, 1>, pixelTile<4, 1>, pixelTile<5, 1>, pixelTile<6, 1>,
     pixelTile<7, 1>, pixelTile<8, 1>},
    packRows,
    packTransposed,
    packPlanes,
};

}  // namespace striate
