#include "simd/vec_neon.h"

#include "kernels/conv2d/depthwise_kernels.h"

namespace striate {

const DepthwiseKernels kDepthwiseNeon = {
    {depthwiseTile<1>, depthwiseTile<2>, depthwiseTile<3>, depthwiseTile<4>},
    {depthwiseFilterTile<1>, depthwiseFilterTile<2>, depthwiseFilterTile<3>, depthwiseFilterTile<4>,
     depthwiseFilterTile<5>, depthwiseFilterTile<6>},
    finishRow,
};

}  // namespace striate
