// Instantiates the table of simd_table.h over the Vec of the vec_<isa>.h included before it.
#pragma once
#include "simd/math.h"
#include "test/simd/simd_table.h"

namespace striate {
namespace {

template <class F>
STRIATE_INLINE void each(const float* x, float* y, int64_t n, F f) {
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int left = n - i < Vec::width ? static_cast<int>(n - i) : Vec::width;
    f(Vec::loadPartial(x + i, left)).storePartial(y + i, left);
  }
}
void expAll(const float* x, float* y, int64_t n) {
  each(x, y, n, [](Vec v) { return expV(v); });
}
void logAll(const float* x, float* y, int64_t n) {
  each(x, y, n, [](Vec v) { return logV(v); });
}
void sigmoidAll(const float* x, float* y, int64_t n) {
  each(x, y, n, [](Vec v) { return sigmoidV(v); });
}
void tanhAll(const float* x, float* y, int64_t n) {
  each(x, y, n, [](Vec v) { return tanhV(v); });
}

int lanes(const float* pa, const float* pb, const float* pc, float* results) {
  const Vec a = Vec::load(pa), b = Vec::load(pb), c = Vec::load(pc);
  const Vec one = Vec::broadcast(1.0f), zero = Vec::zero();
  const Vec all[] = {add(a, b),
                     sub(a, b),
                     mul(a, b),
                     div(a, b),
                     fma(a, b, c),
                     fnma(a, b, c),
                     max(a, b),
                     min(a, b),
                     maxPropagate(a, b),
                     minPropagate(a, b),
                     copySign(a, b),
                     sqrt(abs(a)),
                     neg(a),
                     select(less(a, b), one, zero),
                     select(lessEqual(a, b), one, zero),
                     select(greater(a, b), one, zero),
                     select(greaterEqual(a, b), one, zero),
                     select(equal(a, b), one, zero),
                     select(maskOr(isNan(a), maskNot(maskOr(isNan(b), equal(b, b)))), one, zero),
                     select(maskAnd(less(a, b), less(b, c)), one, zero),
                     any(isNan(a)) ? one : zero,
                     select(eitherNan(a, b), one, zero),
                     keep(less(a, b), c),
                     drop(less(a, b), c)};
  int count = 0;
  for (const Vec& v : all) v.store(results + Vec::width * count++);
  return count;
}
void copyPartial(const float* x, float* y, int n) { Vec::loadPartial(x, n).storePartial(y, n); }
void copyStream(const float* x, float* y) {
  Vec::load(x).stream(y);
  Vec::streamFence();
}
void loadU8Partial(const uint8_t* x, float* y, int n) {
  (n == Vec::width ? Vec::loadU8(x) : Vec::loadU8Partial(x, n)).store(y);
}
void storeU8Partial(const float* x, uint8_t* y, int n) {
  const Vec v = Vec::load(x);
  n == Vec::width ? v.storeU8(y) : v.storeU8Partial(y, n);
}
void transposeOf(const float* x, float* y) {
  Vec rows[Vec::width];
  for (int i = 0; i < Vec::width; ++i) rows[i] = Vec::load(x + i * Vec::width);
  transpose(rows);
  for (int i = 0; i < Vec::width; ++i) rows[i].store(y + i * Vec::width);
}
float reduceAddOf(const float* x) { return reduceAdd(Vec::load(x)); }
float reduceMaxPropagateOf(const float* x) { return reduceMaxPropagate(Vec::load(x)); }

}  // namespace
}  // namespace striate

#define STRIATE_SIMD_TABLE                                                                                        \
  {                                                                                                               \
    striate::Vec::width, striate::expAll, striate::logAll, striate::sigmoidAll, striate::tanhAll, striate::lanes, \
        striate::copyPartial, striate::copyStream, striate::loadU8Partial, striate::storeU8Partial,               \
        striate::transposeOf, striate::reduceAddOf, striate::reduceMaxPropagateOf                                 \
  }
