// The vector contract (vec.h) on SSE2, the floor of x86-64: no fused multiply-add, no blend, no rounding instruction.
#pragma once
#include <emmintrin.h>

#include "simd/vec.h"

namespace striate {
namespace {

struct Mask {
  __m128 m;
};

struct Vec {
  static constexpr int width = 4;
  __m128 v;

  static STRIATE_INLINE Vec zero() { return {_mm_setzero_ps()}; }
  static STRIATE_INLINE Vec broadcast(float x) { return {_mm_set1_ps(x)}; }
  static STRIATE_INLINE Vec broadcastLoad(const float* p) { return {_mm_set1_ps(*p)}; }
  static STRIATE_INLINE Vec load(const float* p) { return {_mm_loadu_ps(p)}; }
  static STRIATE_INLINE Vec loadPartial(const float* p, int n) {
    if (n == 4) return load(p);
    __m128 x = _mm_setzero_ps();
    if (n & 1) x = _mm_load_ss(p + (n & 2));
    // With n == 3 the single lane moves up behind the pair.
    if (n & 2) x = _mm_loadl_pi(_mm_shuffle_ps(x, x, 0x44), reinterpret_cast<const __m64*>(p));
    return {x};
  }
  STRIATE_INLINE void store(float* p) const { _mm_storeu_ps(p, v); }
  STRIATE_INLINE void stream(float* p) const { _mm_stream_ps(p, v); }
  static STRIATE_INLINE void streamFence() { _mm_sfence(); }
  STRIATE_INLINE void storePartial(float* p, int n) const {
    if (n == 4) {
      _mm_storeu_ps(p, v);
      return;
    }
    __m128 x = v;
    if (n & 2) {
      _mm_storel_pi(reinterpret_cast<__m64*>(p), x);
      x = _mm_movehl_ps(x, x);
      p += 2;
    }
    if (n & 1) _mm_store_ss(p, x);
  }
  static STRIATE_INLINE Vec loadU8(const uint8_t* p) { return loadU8Partial(p, 4); }
  static STRIATE_INLINE Vec loadU8Partial(const uint8_t* p, int n) {
    uint32_t bits = 0;
    for (int i = 0; i < n; ++i) bits |= static_cast<uint32_t>(p[i]) << (8 * i);
    const __m128i zero = _mm_setzero_si128();
    const __m128i bytes = _mm_cvtsi32_si128(static_cast<int>(bits));
    return {_mm_cvtepi32_ps(_mm_unpacklo_epi16(_mm_unpacklo_epi8(bytes, zero), zero))};
  }
  STRIATE_INLINE void storeU8(uint8_t* p) const { storeU8Partial(p, 4); }
  // minps returns its second operand where that is NaN; the conversion makes NaN and what is below the range the least
  // integer, which saturates to 0.
  STRIATE_INLINE void storeU8Partial(uint8_t* p, int n) const {
    const __m128i whole = _mm_cvtps_epi32(_mm_min_ps(_mm_set1_ps(255.0f), v));
    const __m128i words = _mm_packs_epi32(whole, whole);
    const auto bits = static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
    for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(bits >> (8 * i));
  }
};

STRIATE_INLINE void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
STRIATE_INLINE void prefetchToWrite(float* p) { static_cast<void>(p); }

STRIATE_INLINE Vec add(Vec a, Vec b) { return {_mm_add_ps(a.v, b.v)}; }
STRIATE_INLINE Vec sub(Vec a, Vec b) { return {_mm_sub_ps(a.v, b.v)}; }
STRIATE_INLINE Vec mul(Vec a, Vec b) { return {_mm_mul_ps(a.v, b.v)}; }
STRIATE_INLINE Vec div(Vec a, Vec b) { return {_mm_div_ps(a.v, b.v)}; }
STRIATE_INLINE Vec operator+(Vec a, Vec b) { return add(a, b); }
STRIATE_INLINE Vec operator-(Vec a, Vec b) { return sub(a, b); }
STRIATE_INLINE Vec operator*(Vec a, Vec b) { return mul(a, b); }
STRIATE_INLINE Vec operator/(Vec a, Vec b) { return div(a, b); }
STRIATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return add(mul(a, b), c); }
STRIATE_INLINE Vec fnma(Vec a, Vec b, Vec c) { return sub(c, mul(a, b)); }
STRIATE_INLINE Vec sqrt(Vec a) { return {_mm_sqrt_ps(a.v)}; }
STRIATE_INLINE Vec neg(Vec a) { return {_mm_xor_ps(a.v, _mm_set1_ps(-0.0f))}; }
STRIATE_INLINE Vec abs(Vec a) { return {_mm_andnot_ps(_mm_set1_ps(-0.0f), a.v)}; }
STRIATE_INLINE Vec copySign(Vec magnitude, Vec sign) {
  const __m128 bit = _mm_set1_ps(-0.0f);
  return {_mm_or_ps(_mm_andnot_ps(bit, magnitude.v), _mm_and_ps(bit, sign.v))};
}
STRIATE_INLINE Vec max(Vec a, Vec b) { return {_mm_max_ps(a.v, b.v)}; }
STRIATE_INLINE Vec min(Vec a, Vec b) { return {_mm_min_ps(a.v, b.v)}; }

STRIATE_INLINE Mask less(Vec a, Vec b) { return {_mm_cmplt_ps(a.v, b.v)}; }
STRIATE_INLINE Mask lessEqual(Vec a, Vec b) { return {_mm_cmple_ps(a.v, b.v)}; }
STRIATE_INLINE Mask greater(Vec a, Vec b) { return {_mm_cmpgt_ps(a.v, b.v)}; }
STRIATE_INLINE Mask greaterEqual(Vec a, Vec b) { return {_mm_cmpge_ps(a.v, b.v)}; }
STRIATE_INLINE Mask equal(Vec a, Vec b) { return {_mm_cmpeq_ps(a.v, b.v)}; }
STRIATE_INLINE Mask isNan(Vec a) { return {_mm_cmpunord_ps(a.v, a.v)}; }
STRIATE_INLINE Mask eitherNan(Vec a, Vec b) { return {_mm_cmpunord_ps(a.v, b.v)}; }
STRIATE_INLINE Vec keep(Mask m, Vec a) { return {_mm_and_ps(m.m, a.v)}; }
STRIATE_INLINE Vec drop(Mask m, Vec a) { return {_mm_andnot_ps(m.m, a.v)}; }
STRIATE_INLINE Mask maskAnd(Mask a, Mask b) { return {_mm_and_ps(a.m, b.m)}; }
STRIATE_INLINE Mask maskOr(Mask a, Mask b) { return {_mm_or_ps(a.m, b.m)}; }
STRIATE_INLINE Mask maskNot(Mask a) { return {_mm_xor_ps(a.m, _mm_castsi128_ps(_mm_set1_epi32(-1)))}; }
STRIATE_INLINE bool any(Mask a) { return _mm_movemask_ps(a.m) != 0; }
STRIATE_INLINE Vec select(Mask m, Vec ifTrue, Vec ifFalse) {
  return {_mm_or_ps(_mm_and_ps(m.m, ifTrue.v), _mm_andnot_ps(m.m, ifFalse.v))};
}

// maxps returns its second operand where either is NaN, so only a NaN in the first is lost and put back.
STRIATE_INLINE Vec maxPropagate(Vec a, Vec b) { return select(isNan(a), a, max(a, b)); }
STRIATE_INLINE Vec minPropagate(Vec a, Vec b) { return select(isNan(a), a, min(a, b)); }

STRIATE_INLINE Vec roundNearest(Vec a) { return {_mm_cvtepi32_ps(_mm_cvtps_epi32(a.v))}; }
STRIATE_INLINE Vec pow2(Vec n) {
  const __m128i biased = _mm_add_epi32(_mm_cvtps_epi32(n.v), _mm_set1_epi32(127));
  return {_mm_castsi128_ps(_mm_slli_epi32(biased, 23))};
}
STRIATE_INLINE Vec exponentOf(Vec x) {
  const __m128i biased = _mm_srli_epi32(_mm_castps_si128(x.v), 23);
  return {_mm_cvtepi32_ps(_mm_sub_epi32(biased, _mm_set1_epi32(127)))};
}
STRIATE_INLINE Vec mantissaOf(Vec x) {
  const __m128i bits = _mm_and_si128(_mm_castps_si128(x.v), _mm_set1_epi32(0x007fffff));
  return {_mm_castsi128_ps(_mm_or_si128(bits, _mm_set1_epi32(0x3f800000)))};
}

STRIATE_INLINE void transpose(Vec (&r)[4]) { _MM_TRANSPOSE4_PS(r[0].v, r[1].v, r[2].v, r[3].v); }

STRIATE_INLINE float reduceAdd(Vec a) {
  __m128 x = _mm_add_ps(a.v, _mm_movehl_ps(a.v, a.v));
  x = _mm_add_ss(x, _mm_shuffle_ps(x, x, 1));
  return _mm_cvtss_f32(x);
}
STRIATE_INLINE float reduceMaxPropagate(Vec a) {
  a = maxPropagate(a, {_mm_shuffle_ps(a.v, a.v, 0x4e)});
  a = maxPropagate(a, {_mm_shuffle_ps(a.v, a.v, 0xb1)});
  return _mm_cvtss_f32(a.v);
}

}  // namespace
}  // namespace striate
