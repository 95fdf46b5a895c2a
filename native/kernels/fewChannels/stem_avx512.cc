#include "simd/vec_avx512.h"

#include "kernels/fewChannels/stem_kernels.h"

namespace striate {

const StemKernels kStemAvx512 = {
    2 * Vec::width,
    stemInput,
    {stemProduct<1>, stemProduct<2>, stemProduct<3>, stemProduct<4>, stemProduct<5>, stemProduct<6>},
    {stemOutput<3>, stemOutput<4>},
};

}  // namespace striate
