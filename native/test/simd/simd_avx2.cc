#include "simd/vec_avx2.h"

#include "test/simd/simd_lanes.h"

const striate::SimdTable striate::kSimdAvx2 = STRIATE_SIMD_TABLE;
