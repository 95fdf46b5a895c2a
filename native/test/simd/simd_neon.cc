#include "simd/vec_neon.h"

#include "test/simd/simd_lanes.h"

const striate::SimdTable striate::kSimdNeon = STRIATE_SIMD_TABLE;
