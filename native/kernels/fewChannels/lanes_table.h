// The tables of lanes_<isa>.cc. With 16 registers a tile has 12 accumulators: 2 x 6 makes 9 loads for 12 multiply-adds,
// 3 x 4 makes 8. With the 32 of avx512 it has 24: 4 x 6 makes 11 loads for 24, which
// brought a Xeon of 2019, whose front end was full, 1.04 to 1.08 x forward, 1.1 to 1.15 x for filter gradients. (NEON
// has 32 as well, where nothing was measured.)
#pragma once
#include "kernels/fewChannels/lanes_kernels.h"

// clang-format off
#define STRIATE_LANES_DEPTH {8, 6, 4, 3, 2, 2}
#define STRIATE_LANES_SHAPES(fn)                                                                       \
  {{fn<1, 1>, fn<1, 2>, fn<1, 3>, fn<1, 4>, fn<1, 5>, fn<1, 6>, fn<1, 7>, fn<1, 8>},                   \
   {fn<2, 1>, fn<2, 2>, fn<2, 3>, fn<2, 4>, fn<2, 5>, fn<2, 6>},                                       \
   {fn<3, 1>, fn<3, 2>, fn<3, 3>, fn<3, 4>},                                                           \
   {fn<4, 1>, fn<4, 2>, fn<4, 3>},                                                                     \
   {fn<5, 1>, fn<5, 2>},                                                                               \
   {fn<6, 1>, fn<6, 2>}}
#define STRIATE_DEEP_LANES_DEPTH {8, 8, 8, 6, 4, 4}
#define STRIATE_DEEP_LANES_SHAPES(fn)                                                                  \
  {{fn<1, 1>, fn<1, 2>, fn<1, 3>, fn<1, 4>, fn<1, 5>, fn<1, 6>, fn<1, 7>, fn<1, 8>},                   \
   {fn<2, 1>, fn<2, 2>, fn<2, 3>, fn<2, 4>, fn<2, 5>, fn<2, 6>, fn<2, 7>, fn<2, 8>},                   \
   {fn<3, 1>, fn<3, 2>, fn<3, 3>, fn<3, 4>, fn<3, 5>, fn<3, 6>, fn<3, 7>, fn<3, 8>},                   \
   {fn<4, 1>, fn<4, 2>, fn<4, 3>, fn<4, 4>, fn<4, 5>, fn<4, 6>},                                       \
   {fn<5, 1>, fn<5, 2>, fn<5, 3>, fn<5, 4>},                                                           \
   {fn<6, 1>, fn<6, 2>, fn<6, 3>, fn<6, 4>}}
#define STRIATE_LANES_KERNELS(depth, shapes)                                                           \
  {Vec::width,        depth,                          shapes(lanesTile), shapes(lanesFilterTile),      \
   interleaveLanes,   deinterleaveLanes,              planesOfPixels,                                  \
   pixelsOfVectors,   finishLanes,                    reduceLanes}
// clang-format on
