// The vector contract behind function pointers, so that one test binary can examine each ISA's instantiation.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

struct SimdTable {
  int width;
  // y[i] = f(x[i]) for n values, tails by partial loads and stores
  void (*exp)(const float* x, float* y, int64_t n);
  void (*log)(const float* x, float* y, int64_t n);
  void (*sigmoid)(const float* x, float* y, int64_t n);
  void (*tanh)(const float* x, float* y, int64_t n);
  // One vector each: results of every lane-wise operation in the order of vec.h, `width` floats per operation.
  int (*lanes)(const float* a, const float* b, const float* c, float* results);
  void (*copyPartial)(const float* x, float* y, int n);
  void (*copyStream)(const float* x, float* y);  // one vector, y aligned to it
  void (*loadU8Partial)(const uint8_t* x, float* y, int n);
  void (*storeU8Partial)(const float* x, uint8_t* y, int n);
  void (*transpose)(const float* x, float* y);  // width x width
  float (*reduceAdd)(const float* x);
  float (*reduceMaxPropagate)(const float* x);
};

extern const SimdTable kSimdSse2;
extern const SimdTable kSimdAvx2;
extern const SimdTable kSimdAvx512;
extern const SimdTable kSimdNeon;

}  // namespace striate
