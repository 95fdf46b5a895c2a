// The vector contract (vec.h) on AArch64 NEON.
#pragma once
#include <arm_neon.h>

#include "simd/vec.h"

namespace striate {
namespace {

struct Mask {
  uint32x4_t m;
};

struct Vec {
  static constexpr int width = 4;
  float32x4_t v;

  static STRIATE_INLINE Vec zero() { return {vdupq_n_f32(0.0f)}; }
  static STRIATE_INLINE Vec broadcast(float x) { return {vdupq_n_f32(x)}; }
  static STRIATE_INLINE Vec broadcastLoad(const float* p) { return {vld1q_dup_f32(p)}; }
  static STRIATE_INLINE Vec load(const float* p) { return {vld1q_f32(p)}; }
  static STRIATE_INLINE Vec loadPartial(const float* p, int n) {
    if (n == 4) return load(p);
    float32x2_t low = vdup_n_f32(0.0f);
    float32x2_t high = low;
    if (n & 2) {
      low = vld1_f32(p);
      if (n & 1) high = vld1_lane_f32(p + 2, high, 0);
    } else if (n & 1) {
      low = vld1_lane_f32(p, low, 0);
    }
    return {vcombine_f32(low, high)};
  }
  STRIATE_INLINE void store(float* p) const { vst1q_f32(p, v); }
  STRIATE_INLINE void stream(float* p) const { store(p); }
  static STRIATE_INLINE void streamFence() {}
  STRIATE_INLINE void storePartial(float* p, int n) const {
    if (n == 4) {
      vst1q_f32(p, v);
      return;
    }
    float32x2_t x = vget_low_f32(v);
    if (n & 2) {
      vst1_f32(p, x);
      x = vget_high_f32(v);
      p += 2;
    }
    if (n & 1) vst1_lane_f32(p, x, 0);
  }
  static STRIATE_INLINE Vec loadU8(const uint8_t* p) { return loadU8Partial(p, 4); }
  static STRIATE_INLINE Vec loadU8Partial(const uint8_t* p, int n) {
    uint64_t bits = 0;
    for (int i = 0; i < n; ++i) bits |= static_cast<uint64_t>(p[i]) << (8 * i);
    const uint16x8_t halves = vmovl_u8(vcreate_u8(bits));
    return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(halves)))};
  }
  STRIATE_INLINE void storeU8(uint8_t* p) const { storeU8Partial(p, 4); }
  STRIATE_INLINE void storeU8Partial(uint8_t* p, int n) const {
    const int16x4_t words = vqmovn_s32(vcvtnq_s32_f32(v));  // NaN gives 0
    const uint8x8_t bytes = vqmovun_s16(vcombine_s16(words, words));
    const uint32_t bits = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(bits >> (8 * i));
  }
};

STRIATE_INLINE void prefetch(const float* p) { __builtin_prefetch(p, 0); }
STRIATE_INLINE void prefetchToWrite(float* p) { __builtin_prefetch(p, 1); }

STRIATE_INLINE Vec add(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
STRIATE_INLINE Vec sub(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
STRIATE_INLINE Vec mul(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
STRIATE_INLINE Vec div(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
STRIATE_INLINE Vec operator+(Vec a, Vec b) { return add(a, b); }
STRIATE_INLINE Vec operator-(Vec a, Vec b) { return sub(a, b); }
STRIATE_INLINE Vec operator*(Vec a, Vec b) { return mul(a, b); }
STRIATE_INLINE Vec operator/(Vec a, Vec b) { return div(a, b); }
STRIATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
STRIATE_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
STRIATE_INLINE Vec sqrt(Vec a) { return {vsqrtq_f32(a.v)}; }
STRIATE_INLINE Vec neg(Vec a) { return {vnegq_f32(a.v)}; }
STRIATE_INLINE Vec abs(Vec a) { return {vabsq_f32(a.v)}; }
STRIATE_INLINE Vec copySign(Vec magnitude, Vec sign) {
  return {vbslq_f32(vdupq_n_u32(0x80000000u), sign.v, magnitude.v)};
}

STRIATE_INLINE Mask less(Vec a, Vec b) { return {vcltq_f32(a.v, b.v)}; }
STRIATE_INLINE Mask lessEqual(Vec a, Vec b) { return {vcleq_f32(a.v, b.v)}; }
STRIATE_INLINE Mask greater(Vec a, Vec b) { return {vcgtq_f32(a.v, b.v)}; }
STRIATE_INLINE Mask greaterEqual(Vec a, Vec b) { return {vcgeq_f32(a.v, b.v)}; }
STRIATE_INLINE Mask equal(Vec a, Vec b) { return {vceqq_f32(a.v, b.v)}; }
STRIATE_INLINE Mask maskAnd(Mask a, Mask b) { return {vandq_u32(a.m, b.m)}; }
STRIATE_INLINE Mask maskOr(Mask a, Mask b) { return {vorrq_u32(a.m, b.m)}; }
STRIATE_INLINE Mask maskNot(Mask a) { return {vmvnq_u32(a.m)}; }
STRIATE_INLINE Mask isNan(Vec a) { return maskNot(equal(a, a)); }
STRIATE_INLINE Mask eitherNan(Vec a, Vec b) { return maskNot(maskAnd(equal(a, a), equal(b, b))); }
STRIATE_INLINE Vec keep(Mask m, Vec a) { return {vreinterpretq_f32_u32(vandq_u32(m.m, vreinterpretq_u32_f32(a.v)))}; }
STRIATE_INLINE Vec drop(Mask m, Vec a) { return {vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a.v), m.m))}; }
STRIATE_INLINE bool any(Mask a) { return vmaxvq_u32(a.m) != 0; }
STRIATE_INLINE Vec select(Mask m, Vec ifTrue, Vec ifFalse) { return {vbslq_f32(m.m, ifTrue.v, ifFalse.v)}; }

// Compare and select, not fmax: the contract is x86's (b where either is NaN), fmax propagates.
STRIATE_INLINE Vec max(Vec a, Vec b) { return select(greater(a, b), a, b); }
STRIATE_INLINE Vec min(Vec a, Vec b) { return select(less(a, b), a, b); }
STRIATE_INLINE Vec maxPropagate(Vec a, Vec b) { return {vmaxq_f32(a.v, b.v)}; }
STRIATE_INLINE Vec minPropagate(Vec a, Vec b) { return {vminq_f32(a.v, b.v)}; }

STRIATE_INLINE Vec roundNearest(Vec a) { return {vrndnq_f32(a.v)}; }
STRIATE_INLINE Vec pow2(Vec n) {
  const int32x4_t biased = vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127));
  return {vreinterpretq_f32_s32(vshlq_n_s32(biased, 23))};
}
STRIATE_INLINE Vec exponentOf(Vec x) {
  const int32x4_t biased = vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_f32(x.v), 23));
  return {vcvtq_f32_s32(vsubq_s32(biased, vdupq_n_s32(127)))};
}
STRIATE_INLINE Vec mantissaOf(Vec x) {
  const uint32x4_t bits = vandq_u32(vreinterpretq_u32_f32(x.v), vdupq_n_u32(0x007fffff));
  return {vreinterpretq_f32_u32(vorrq_u32(bits, vdupq_n_u32(0x3f800000)))};
}

STRIATE_INLINE void transpose(Vec (&r)[4]) {
  const float32x4x2_t a = vtrnq_f32(r[0].v, r[1].v), b = vtrnq_f32(r[2].v, r[3].v);
  r[0].v = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  r[1].v = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  r[2].v = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  r[3].v = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

STRIATE_INLINE float reduceAdd(Vec a) {
  const float32x2_t pair = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
  return vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
}
STRIATE_INLINE float reduceMaxPropagate(Vec a) { return vmaxvq_f32(a.v); }

}  // namespace
}  // namespace striate
