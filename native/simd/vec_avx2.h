// The vector contract (vec.h) on AVX2 + FMA.
#pragma once
#include <immintrin.h>

#include "simd/vec.h"

namespace striate {
namespace {

struct Mask {
  __m256 m;
};

// Loading at partialMask + 8 - n gives n set lanes followed by clear ones.
alignas(64) constexpr int32_t kPartialMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

struct Vec {
  static constexpr int width = 8;
  __m256 v;

  static STRIATE_INLINE Vec zero() { return {_mm256_setzero_ps()}; }
  static STRIATE_INLINE Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static STRIATE_INLINE Vec broadcastLoad(const float* p) { return {_mm256_broadcast_ss(p)}; }
  static STRIATE_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static STRIATE_INLINE Vec loadPartial(const float* p, int n) {
    return {_mm256_maskload_ps(p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kPartialMask + 8 - n)))};
  }
  STRIATE_INLINE void store(float* p) const { _mm256_storeu_ps(p, v); }
  STRIATE_INLINE void stream(float* p) const { _mm256_stream_ps(p, v); }
  static STRIATE_INLINE void streamFence() { _mm_sfence(); }
  // Not vmaskmovps: its store form is microcoded on Zen (tens of cycles).
  STRIATE_INLINE void storePartial(float* p, int n) const {
    if (n == 8) {
      _mm256_storeu_ps(p, v);
      return;
    }
    __m128 x = _mm256_castps256_ps128(v);
    if (n & 4) {
      _mm_storeu_ps(p, x);
      x = _mm256_extractf128_ps(v, 1);
      p += 4;
    }
    if (n & 2) {
      _mm_storel_pi(reinterpret_cast<__m64*>(p), x);
      x = _mm_movehl_ps(x, x);
      p += 2;
    }
    if (n & 1) _mm_store_ss(p, x);
  }
  static STRIATE_INLINE Vec loadU8(const uint8_t* p) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))};
  }
  static STRIATE_INLINE Vec loadU8Partial(const uint8_t* p, int n) {
    uint64_t bits = 0;
    for (int i = 0; i < n; ++i) bits |= static_cast<uint64_t>(p[i]) << (8 * i);
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bits))))};
  }
  STRIATE_INLINE void storeU8(uint8_t* p) const { _mm_storel_epi64(reinterpret_cast<__m128i*>(p), toBytes()); }
  STRIATE_INLINE void storeU8Partial(uint8_t* p, int n) const {
    const auto bits = static_cast<uint64_t>(_mm_cvtsi128_si64(toBytes()));
    for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(bits >> (8 * i));
  }
  // In the low 8 bytes. minps returns its second operand where that is NaN; the conversion makes NaN and what is below
  // the range the least integer, which saturates to 0.
  STRIATE_INLINE __m128i toBytes() const {
    const __m256i whole = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_set1_ps(255.0f), v));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    return _mm_packus_epi16(words, words);
  }
};

STRIATE_INLINE void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
STRIATE_INLINE void prefetchToWrite(float* p) {
#if defined(_MSC_VER)
  _m_prefetchw(p);
#else
  asm volatile("prefetchw %0" ::"m"(*p));  // the builtin needs a flag of its own
#endif
}

STRIATE_INLINE Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
STRIATE_INLINE Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
STRIATE_INLINE Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
STRIATE_INLINE Vec div(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
STRIATE_INLINE Vec operator+(Vec a, Vec b) { return add(a, b); }
STRIATE_INLINE Vec operator-(Vec a, Vec b) { return sub(a, b); }
STRIATE_INLINE Vec operator*(Vec a, Vec b) { return mul(a, b); }
STRIATE_INLINE Vec operator/(Vec a, Vec b) { return div(a, b); }
STRIATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
STRIATE_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
STRIATE_INLINE Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
STRIATE_INLINE Vec neg(Vec a) { return {_mm256_xor_ps(a.v, _mm256_set1_ps(-0.0f))}; }
STRIATE_INLINE Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
STRIATE_INLINE Vec copySign(Vec magnitude, Vec sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.v), _mm256_and_ps(bit, sign.v))};
}
STRIATE_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
STRIATE_INLINE Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }

STRIATE_INLINE Mask less(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
STRIATE_INLINE Mask lessEqual(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
STRIATE_INLINE Mask greater(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)}; }
STRIATE_INLINE Mask greaterEqual(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)}; }
STRIATE_INLINE Mask equal(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
STRIATE_INLINE Mask isNan(Vec a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
STRIATE_INLINE Mask eitherNan(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_UNORD_Q)}; }
STRIATE_INLINE Vec keep(Mask m, Vec a) { return {_mm256_and_ps(m.m, a.v)}; }
STRIATE_INLINE Vec drop(Mask m, Vec a) { return {_mm256_andnot_ps(m.m, a.v)}; }
STRIATE_INLINE Mask maskAnd(Mask a, Mask b) { return {_mm256_and_ps(a.m, b.m)}; }
STRIATE_INLINE Mask maskOr(Mask a, Mask b) { return {_mm256_or_ps(a.m, b.m)}; }
STRIATE_INLINE Mask maskNot(Mask a) { return {_mm256_xor_ps(a.m, _mm256_castsi256_ps(_mm256_set1_epi32(-1)))}; }
STRIATE_INLINE bool any(Mask a) { return _mm256_movemask_ps(a.m) != 0; }
STRIATE_INLINE Vec select(Mask m, Vec ifTrue, Vec ifFalse) { return {_mm256_blendv_ps(ifFalse.v, ifTrue.v, m.m)}; }

// maxps returns its second operand where either is NaN, so only a NaN in the first is lost and put back.
STRIATE_INLINE Vec maxPropagate(Vec a, Vec b) { return select(isNan(a), a, max(a, b)); }
STRIATE_INLINE Vec minPropagate(Vec a, Vec b) { return select(isNan(a), a, min(a, b)); }

STRIATE_INLINE Vec roundNearest(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
STRIATE_INLINE Vec pow2(Vec n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(biased, 23))};
}
STRIATE_INLINE Vec exponentOf(Vec x) {
  const __m256i biased = _mm256_srli_epi32(_mm256_castps_si256(x.v), 23);
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(biased, _mm256_set1_epi32(127)))};
}
STRIATE_INLINE Vec mantissaOf(Vec x) {
  const __m256i bits = _mm256_and_si256(_mm256_castps_si256(x.v), _mm256_set1_epi32(0x007fffff));
  return {_mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x3f800000)))};
}

STRIATE_INLINE void transpose(Vec (&r)[8]) {
  // Pairs, then quads within the halves, then the halves.
  const __m256 a0 = _mm256_unpacklo_ps(r[0].v, r[1].v), a1 = _mm256_unpackhi_ps(r[0].v, r[1].v);
  const __m256 a2 = _mm256_unpacklo_ps(r[2].v, r[3].v), a3 = _mm256_unpackhi_ps(r[2].v, r[3].v);
  const __m256 a4 = _mm256_unpacklo_ps(r[4].v, r[5].v), a5 = _mm256_unpackhi_ps(r[4].v, r[5].v);
  const __m256 a6 = _mm256_unpacklo_ps(r[6].v, r[7].v), a7 = _mm256_unpackhi_ps(r[6].v, r[7].v);
  const __m256 b0 = _mm256_shuffle_ps(a0, a2, 0x44), b1 = _mm256_shuffle_ps(a0, a2, 0xee);
  const __m256 b2 = _mm256_shuffle_ps(a1, a3, 0x44), b3 = _mm256_shuffle_ps(a1, a3, 0xee);
  const __m256 b4 = _mm256_shuffle_ps(a4, a6, 0x44), b5 = _mm256_shuffle_ps(a4, a6, 0xee);
  const __m256 b6 = _mm256_shuffle_ps(a5, a7, 0x44), b7 = _mm256_shuffle_ps(a5, a7, 0xee);
  r[0].v = _mm256_permute2f128_ps(b0, b4, 0x20);
  r[1].v = _mm256_permute2f128_ps(b1, b5, 0x20);
  r[2].v = _mm256_permute2f128_ps(b2, b6, 0x20);
  r[3].v = _mm256_permute2f128_ps(b3, b7, 0x20);
  r[4].v = _mm256_permute2f128_ps(b0, b4, 0x31);
  r[5].v = _mm256_permute2f128_ps(b1, b5, 0x31);
  r[6].v = _mm256_permute2f128_ps(b2, b6, 0x31);
  r[7].v = _mm256_permute2f128_ps(b3, b7, 0x31);
}

STRIATE_INLINE float reduceAdd(Vec a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  x = _mm_add_ss(x, _mm_shuffle_ps(x, x, 1));
  return _mm_cvtss_f32(x);
}
STRIATE_INLINE float reduceMaxPropagate(Vec a) {
  a = maxPropagate(a, {_mm256_permute2f128_ps(a.v, a.v, 1)});
  a = maxPropagate(a, {_mm256_permute_ps(a.v, 0x4e)});
  a = maxPropagate(a, {_mm256_permute_ps(a.v, 0xb1)});
  return _mm256_cvtss_f32(a.v);
}

}  // namespace
}  // namespace striate
