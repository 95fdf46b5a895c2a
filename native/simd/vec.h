// The vector contract: what every kernel template may use, and all that an instruction set must provide.
//
// An ISA file (native/kernels/<op>/<op>_<isa>.cc) includes exactly one of the vec_<isa>.h and then
// templates written against this contract. Everything lives in an anonymous namespace: two ISA files of one program
// then never share a function compiled with the wrong flags (and no weak symbol exists through which they could).
//
//   struct Vec { static constexpr int width; ... }    float32 lanes; only `width` and the functions below are contract
//   Mask                                              opaque: one truth value per lane (a k-register on avx512)
//
// Construction and memory (no alignment is required anywhere; 0 <= n <= width):
//   Vec::zero()  Vec::broadcast(float)  Vec::broadcastLoad(const float*)
//   Vec::load(p)  Vec::loadPartial(p, n)      lanes >= n are 0 and their memory is not touched
//   v.store(p)    v.storePartial(p, n)        memory of lanes >= n is not touched
//   v.stream(p)   Vec::streamFence()          store past the caches, p aligned to the vector; the fence comes before
//                                             another thread may read (neon: an ordinary store, no fence)
//   Vec::loadU8(p)  Vec::loadU8Partial(p, n)  uint8_t to float
//   v.storeU8(p)  v.storeU8Partial(p, n)      to the nearest of 0 .. 255, ties to even; 0 for NaN
//   prefetch(p), prefetchToWrite(p)           ask for a cache line; never fault, whatever the address
// Arithmetic, lane by lane:
//   add sub mul div sqrt neg abs, operators + - * /
//   fma(a, b, c) = a * b + c, fnma(a, b, c) = c - a * b     one rounding on avx2, avx512, neon; two on sse2
//   max(a, b) = a > b ? a : b, min(a, b) = a < b ? a : b    hence b where either is NaN: max(zero, x) keeps a NaN x
//   maxPropagate(a, b), minPropagate(a, b)                  NaN where either is NaN
//   copySign(magnitude, sign)
//   roundNearest(x)  ties to even; |x| < 2^31
//   pow2(n)          2^n for integral n in [-126, 127]
//   exponentOf(x), mantissaOf(x)  x = mantissa * 2^exponent with mantissa in [1, 2), for positive normal x
// Comparison (false where either lane is NaN) and masks:
//   less lessEqual greater greaterEqual equal -> Mask;  isNan(a), eitherNan(a, b) -> Mask
//   maskAnd maskOr maskNot -> Mask;  any(mask) -> bool;  select(mask, ifTrue, ifFalse)
//   keep(mask, a) = select(mask, a, 0), drop(mask, a) = select(mask, 0, a)
// Rearrangement:
//   transpose(Vec (&rows)[width])  lane j of row i <-> lane i of row j
// Across lanes, in a fixed tree (halves, quarters, ...), so a result depends on the ISA only:
//   reduceAdd(v)  reduceMaxPropagate(v)
//
// A tail uses loadPartial / storePartial with the same arithmetic as the body, never a scalar loop over channels.
// Compile ISA files with -ffp-contract=off: otherwise gcc may fuse add(mul(a, b), c) in one place and not in another.
#pragma once
#include <cstddef>
#include <cstdint>

#define STRIATE_INLINE inline __attribute__((always_inline))
#define STRIATE_RESTRICT __restrict
