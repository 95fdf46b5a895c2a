#include "simd/vec_avx512.h"

#include "test/simd/simd_lanes.h"

const striate::SimdTable striate::kSimdAvx512 = STRIATE_SIMD_TABLE;
