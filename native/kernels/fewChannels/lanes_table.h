// The entries of LanesKernels that are the same for every instruction set.
#pragma once
#include "kernels/fewChannels/lanes_kernels.h"

// clang-format off
#define STRIATE_LANES_SHAPES(fn)                                                                       \
  {{fn<1, 1>, fn<1, 2>, fn<1, 3>, fn<1, 4>, fn<1, 5>, fn<1, 6>, fn<1, 7>, fn<1, 8>},                   \
   {fn<2, 1>, fn<2, 2>, fn<2, 3>, fn<2, 4>, fn<2, 5>, fn<2, 6>},                                       \
   {fn<3, 1>, fn<3, 2>, fn<3, 3>, fn<3, 4>},                                                           \
   {fn<4, 1>, fn<4, 2>, fn<4, 3>},                                                                     \
   {fn<5, 1>, fn<5, 2>},                                                                               \
   {fn<6, 1>, fn<6, 2>}}
#define STRIATE_LANES_KERNELS                                                                          \
  {Vec::width,        STRIATE_LANES_SHAPES(lanesTile), STRIATE_LANES_SHAPES(lanesFilterTile),          \
   interleaveLanes,   deinterleaveLanes,               planesOfPixels,                                 \
   pixelsOfVectors,   finishLanes,                     reduceLanes}
// clang-format on
