// The vector contract (vec.h) on AVX-512 (F, DQ, BW, VL) with AVX2 and FMA.
//
// Where gcc 12's plain intrinsic starts from an undefined register (and -Wmaybe-uninitialized says so), its
// zero-masking form stands here with all lanes set: the same instruction.
#pragma once
#include <immintrin.h>

#include "simd/vec.h"

namespace striate {
namespace {

constexpr __mmask16 kAllLanes = 0xffff;

struct Mask {
  __mmask16 m;
};

STRIATE_INLINE __mmask16 firstLanes(int n) { return static_cast<__mmask16>((1u << n) - 1); }

struct Vec {
  static constexpr int width = 16;
  __m512 v;

  static STRIATE_INLINE Vec zero() { return {_mm512_setzero_ps()}; }
  static STRIATE_INLINE Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static STRIATE_INLINE Vec broadcastLoad(const float* p) { return {_mm512_set1_ps(*p)}; }
  static STRIATE_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static STRIATE_INLINE Vec loadPartial(const float* p, int n) { return {_mm512_maskz_loadu_ps(firstLanes(n), p)}; }
  STRIATE_INLINE void store(float* p) const { _mm512_storeu_ps(p, v); }
  STRIATE_INLINE void stream(float* p) const { _mm512_stream_ps(p, v); }
  static STRIATE_INLINE void streamFence() { _mm_sfence(); }
  STRIATE_INLINE void storePartial(float* p, int n) const { _mm512_mask_storeu_ps(p, firstLanes(n), v); }
  static STRIATE_INLINE Vec loadU8(const uint8_t* p) {
    return ofBytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static STRIATE_INLINE Vec loadU8Partial(const uint8_t* p, int n) {
    return ofBytes(_mm_maskz_loadu_epi8(firstLanes(n), p));
  }
  static STRIATE_INLINE Vec ofBytes(__m128i bytes) {
    return {_mm512_maskz_cvtepi32_ps(kAllLanes, _mm512_maskz_cvtepu8_epi32(kAllLanes, bytes))};
  }
  STRIATE_INLINE void storeU8(uint8_t* p) const { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), toBytes()); }
  STRIATE_INLINE void storeU8Partial(uint8_t* p, int n) const { _mm_mask_storeu_epi8(p, firstLanes(n), toBytes()); }
  // minps returns its second operand where that is NaN; the conversion makes NaN and what is below the range the least
  // integer.
  STRIATE_INLINE __m128i toBytes() const {
    const __m512 capped = _mm512_maskz_min_ps(kAllLanes, _mm512_set1_ps(255.0f), v);
    const __m512i whole = _mm512_maskz_cvtps_epi32(kAllLanes, capped);
    return _mm512_maskz_cvtusepi32_epi8(kAllLanes, _mm512_maskz_max_epi32(kAllLanes, whole, _mm512_setzero_si512()));
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

STRIATE_INLINE Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
STRIATE_INLINE Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
STRIATE_INLINE Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
STRIATE_INLINE Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
STRIATE_INLINE Vec operator+(Vec a, Vec b) { return add(a, b); }
STRIATE_INLINE Vec operator-(Vec a, Vec b) { return sub(a, b); }
STRIATE_INLINE Vec operator*(Vec a, Vec b) { return mul(a, b); }
STRIATE_INLINE Vec operator/(Vec a, Vec b) { return div(a, b); }
STRIATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
STRIATE_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
STRIATE_INLINE Vec sqrt(Vec a) { return {_mm512_maskz_sqrt_ps(kAllLanes, a.v)}; }
STRIATE_INLINE Vec neg(Vec a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
STRIATE_INLINE Vec abs(Vec a) { return {_mm512_maskz_andnot_ps(kAllLanes, _mm512_set1_ps(-0.0f), a.v)}; }
STRIATE_INLINE Vec copySign(Vec magnitude, Vec sign) {
  const __m512i bit = _mm512_set1_epi32(INT32_MIN);
  constexpr int kFirstChooses = 0xca;  // bit ? sign : magnitude
  return {_mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(bit, _mm512_castps_si512(sign.v), _mm512_castps_si512(magnitude.v), kFirstChooses))};
}
STRIATE_INLINE Vec max(Vec a, Vec b) { return {_mm512_maskz_max_ps(kAllLanes, a.v, b.v)}; }
STRIATE_INLINE Vec min(Vec a, Vec b) { return {_mm512_maskz_min_ps(kAllLanes, a.v, b.v)}; }

STRIATE_INLINE Mask less(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
STRIATE_INLINE Mask lessEqual(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
STRIATE_INLINE Mask greater(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
STRIATE_INLINE Mask greaterEqual(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
STRIATE_INLINE Mask equal(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
STRIATE_INLINE Mask isNan(Vec a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
STRIATE_INLINE Mask eitherNan(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_UNORD_Q)}; }
STRIATE_INLINE Mask maskAnd(Mask a, Mask b) { return {static_cast<__mmask16>(a.m & b.m)}; }
STRIATE_INLINE Mask maskOr(Mask a, Mask b) { return {static_cast<__mmask16>(a.m | b.m)}; }
STRIATE_INLINE Mask maskNot(Mask a) { return {static_cast<__mmask16>(~a.m)}; }
STRIATE_INLINE bool any(Mask a) { return a.m != 0; }
STRIATE_INLINE Vec select(Mask m, Vec ifTrue, Vec ifFalse) { return {_mm512_mask_blend_ps(m.m, ifFalse.v, ifTrue.v)}; }
STRIATE_INLINE Vec keep(Mask m, Vec a) { return {_mm512_maskz_mov_ps(m.m, a.v)}; }
STRIATE_INLINE Vec drop(Mask m, Vec a) { return keep(maskNot(m), a); }

// vmaxps returns its second operand where either is NaN, so only a NaN in the first is lost and put back.
STRIATE_INLINE Vec maxPropagate(Vec a, Vec b) { return select(isNan(a), a, max(a, b)); }
STRIATE_INLINE Vec minPropagate(Vec a, Vec b) { return select(isNan(a), a, min(a, b)); }

STRIATE_INLINE Vec roundNearest(Vec a) {
  return {_mm512_maskz_roundscale_ps(kAllLanes, a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
STRIATE_INLINE Vec pow2(Vec n) {
  const __m512i biased = _mm512_add_epi32(_mm512_maskz_cvtps_epi32(kAllLanes, n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAllLanes, biased, 23))};
}
STRIATE_INLINE Vec exponentOf(Vec x) {
  const __m512i biased = _mm512_maskz_srli_epi32(kAllLanes, _mm512_castps_si512(x.v), 23);
  return {_mm512_maskz_cvtepi32_ps(kAllLanes, _mm512_sub_epi32(biased, _mm512_set1_epi32(127)))};
}
STRIATE_INLINE Vec mantissaOf(Vec x) {
  const __m512i bits = _mm512_and_si512(_mm512_castps_si512(x.v), _mm512_set1_epi32(0x007fffff));
  return {_mm512_castsi512_ps(_mm512_or_si512(bits, _mm512_set1_epi32(0x3f800000)))};
}

template <int kLanes>
STRIATE_INLINE __m512 quarters(__m512 a, __m512 b) {
  return _mm512_maskz_shuffle_f32x4(kAllLanes, a, b, kLanes);
}
// In each quarter of the vectors: lane j of row i <-> lane i of row j.
STRIATE_INLINE void transposeQuarters(Vec& r0, Vec& r1, Vec& r2, Vec& r3) {
  const __m512 a0 = _mm512_maskz_unpacklo_ps(kAllLanes, r0.v, r1.v);
  const __m512 a1 = _mm512_maskz_unpackhi_ps(kAllLanes, r0.v, r1.v);
  const __m512 a2 = _mm512_maskz_unpacklo_ps(kAllLanes, r2.v, r3.v);
  const __m512 a3 = _mm512_maskz_unpackhi_ps(kAllLanes, r2.v, r3.v);
  r0.v = _mm512_maskz_shuffle_ps(kAllLanes, a0, a2, 0x44);
  r1.v = _mm512_maskz_shuffle_ps(kAllLanes, a0, a2, 0xee);
  r2.v = _mm512_maskz_shuffle_ps(kAllLanes, a1, a3, 0x44);
  r3.v = _mm512_maskz_shuffle_ps(kAllLanes, a1, a3, 0xee);
}
// Whole quarters: quarter j of row i <-> quarter i of row j.
STRIATE_INLINE void exchangeQuarters(Vec& r0, Vec& r1, Vec& r2, Vec& r3) {
  const __m512 even0 = quarters<0x88>(r0.v, r1.v), odd0 = quarters<0xdd>(r0.v, r1.v);
  const __m512 even1 = quarters<0x88>(r2.v, r3.v), odd1 = quarters<0xdd>(r2.v, r3.v);
  r0.v = quarters<0x88>(even0, even1);
  r1.v = quarters<0x88>(odd0, odd1);
  r2.v = quarters<0xdd>(even0, even1);
  r3.v = quarters<0xdd>(odd0, odd1);
}
STRIATE_INLINE void transpose(Vec (&r)[16]) {
  transposeQuarters(r[0], r[1], r[2], r[3]);
  transposeQuarters(r[4], r[5], r[6], r[7]);
  transposeQuarters(r[8], r[9], r[10], r[11]);
  transposeQuarters(r[12], r[13], r[14], r[15]);
  // Quarter q of r[4 * g + j] now holds column 4 * q + j of the rows 4 * g .. 4 * g + 3.
  exchangeQuarters(r[0], r[4], r[8], r[12]);
  exchangeQuarters(r[1], r[5], r[9], r[13]);
  exchangeQuarters(r[2], r[6], r[10], r[14]);
  exchangeQuarters(r[3], r[7], r[11], r[15]);
}

// Halves, then quarters, pairs and neighbours.
template <class Combine>
STRIATE_INLINE float reduceLanes(Vec a, const Combine& combine) {
  a = combine(a, Vec{quarters<0x4e>(a.v, a.v)});
  a = combine(a, Vec{quarters<0xb1>(a.v, a.v)});
  a = combine(a, Vec{_mm512_maskz_permute_ps(kAllLanes, a.v, 0x4e)});
  a = combine(a, Vec{_mm512_maskz_permute_ps(kAllLanes, a.v, 0xb1)});
  return _mm512_cvtss_f32(a.v);
}
STRIATE_INLINE float reduceAdd(Vec a) {
  return reduceLanes(a, [](Vec x, Vec y) { return add(x, y); });
}
STRIATE_INLINE float reduceMaxPropagate(Vec a) {
  return reduceLanes(a, [](Vec x, Vec y) { return maxPropagate(x, y); });
}

}  // namespace
}  // namespace striate
