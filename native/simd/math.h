// Elementary functions over any Vec of the contract (include one vec_<isa>.h first). Each is right at NaN (NaN out),
// infinities, overflow and denormals; where the kernels run with denormals flushed, a denormal result is 0.
// Errors are measured against float64 over the whole range by native/test/simd_test.cc.
#pragma once
#include "simd/vec.h"

namespace striate {
namespace {

// e^x, under 1 ulp. x = n ln2 + r with |r| <= ln2/2 and ln2 split in two so that n * high is exact (Cody and Waite);
// a minimax polynomial for e^r (Cephes); then 2^n in two factors, because 2^n alone overflows at n = 128 and is
// denormal below n = -126 although e^x itself is not yet out of range.
template <class V>
STRIATE_INLINE V expV(V x) {
  // The second operand of max and min survives where it is NaN.
  x = max(V::broadcast(-104.0f), min(V::broadcast(89.0f), x));
  const V n = roundNearest(mul(x, V::broadcast(1.44269504088896341f)));
  V r = fnma(n, V::broadcast(0.693359375f), x);
  r = fnma(n, V::broadcast(-2.12194440e-4f), r);
  V p = V::broadcast(1.9875691500e-4f);
  p = fma(p, r, V::broadcast(1.3981999507e-3f));
  p = fma(p, r, V::broadcast(8.3334519073e-3f));
  p = fma(p, r, V::broadcast(4.1665795894e-2f));
  p = fma(p, r, V::broadcast(1.6666665459e-1f));
  p = fma(p, r, V::broadcast(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), V::broadcast(1.0f));
  const V half = roundNearest(mul(n, V::broadcast(0.5f)));
  return mul(mul(p, pow2(half)), pow2(sub(n, half)));
}

// Natural logarithm, under 1 ulp. log(0) = -inf, log(x < 0) = NaN, log(inf) = inf. The mantissa is moved to
// [sqrt(1/2), sqrt(2)) so that x near 1 has exponent 0 and nothing cancels; polynomial of the Cephes library.
template <class V>
STRIATE_INLINE V logV(V x) {
  const V one = V::broadcast(1.0f);
  const auto tiny = less(x, V::broadcast(1.17549435e-38f));
  const V scaled = select(tiny, mul(x, V::broadcast(8388608.0f)), x);
  V e = exponentOf(scaled);
  e = select(tiny, sub(e, V::broadcast(23.0f)), e);
  V m = mantissaOf(scaled);
  const auto large = greater(m, V::broadcast(1.41421356f));
  m = select(large, mul(m, V::broadcast(0.5f)), m);
  e = select(large, add(e, one), e);
  const V r = sub(m, one);
  const V z = mul(r, r);
  V p = V::broadcast(7.0376836292e-2f);
  p = fma(p, r, V::broadcast(-1.1514610310e-1f));
  p = fma(p, r, V::broadcast(1.1676998740e-1f));
  p = fma(p, r, V::broadcast(-1.2420140846e-1f));
  p = fma(p, r, V::broadcast(1.4249322787e-1f));
  p = fma(p, r, V::broadcast(-1.6668057665e-1f));
  p = fma(p, r, V::broadcast(2.0000714765e-1f));
  p = fma(p, r, V::broadcast(-2.4999993993e-1f));
  p = fma(p, r, V::broadcast(3.3333331174e-1f));
  V y = mul(mul(p, r), z);
  y = fma(e, V::broadcast(-2.12194440e-4f), y);
  y = fnma(V::broadcast(0.5f), z, y);
  y = fma(e, V::broadcast(0.693359375f), add(r, y));
  const V infinity = V::broadcast(__builtin_huge_valf());
  y = select(equal(x, infinity), infinity, y);
  y = select(equal(x, V::zero()), neg(infinity), y);
  y = select(less(x, V::zero()), V::broadcast(__builtin_nanf("")), y);
  return select(isNan(x), x, y);
}

// 1 / (1 + e^-x), under 2.5 ulp; e^-x overflows to inf and the quotient to 0 exactly where the result underflows.
template <class V>
STRIATE_INLINE V sigmoidV(V x) {
  const V one = V::broadcast(1.0f);
  return div(one, add(one, expV(neg(x))));
}

// tanh, under 1.5 ulp. Below 0.625 an odd polynomial (Cephes), since 1 - 2 / (e^2|x| + 1) cancels there.
template <class V>
STRIATE_INLINE V tanhV(V x) {
  const V one = V::broadcast(1.0f);
  const V a = abs(x);
  const V e = expV(add(a, a));
  const V far = sub(one, div(V::broadcast(2.0f), add(e, one)));
  const V z = mul(x, x);
  V p = V::broadcast(-5.70498872745e-3f);
  p = fma(p, z, V::broadcast(2.06390887954e-2f));
  p = fma(p, z, V::broadcast(-5.37397155531e-2f));
  p = fma(p, z, V::broadcast(1.33314422036e-1f));
  p = fma(p, z, V::broadcast(-3.33332819422e-1f));
  const V near = fma(mul(p, z), x, x);
  return select(less(a, V::broadcast(0.625f)), near, select(isNan(x), x, copySign(far, x)));
}

}  // namespace
}  // namespace striate
