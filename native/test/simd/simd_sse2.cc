#include "simd/vec_sse2.h"

#include "test/simd/simd_lanes.h"

const striate::SimdTable striate::kSimdSse2 = STRIATE_SIMD_TABLE;
