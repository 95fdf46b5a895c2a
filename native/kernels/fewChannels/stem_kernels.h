// The kernels of stem.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/fewChannels/stem.h"
#include "simd/epilogue.h"
#include "simd/unroll.h"

namespace striate {
namespace {

// a = sqrt(1/2), b = sqrt(2): of the points with one digit in common, those with the least error (Barabasz, Anderson,
// Soodhalter and Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution, 2020).
constexpr float kStemA = 0.70710678118654752f, kStemB = 1.41421356237309505f;

// B^T of the points 0, a, -a, b, -b and infinity: coefficients of x (x^2 - 1/2) (x^2 - 2) / (x - point).
STRIATE_INLINE void stemInputAxis(const Vec (&d)[6], Vec (&t)[6]) {
  const Vec a = Vec::broadcast(kStemA), b = Vec::broadcast(kStemB);
  const Vec half = Vec::broadcast(0.5f), two = Vec::broadcast(2.0f), sum = Vec::broadcast(2.5f);
  const Vec evenA = fnma(two, d[2], d[4]), oddA = fnma(two, d[1], d[3]);
  const Vec evenB = fnma(half, d[2], d[4]), oddB = fnma(half, d[1], d[3]);
  t[0] = fnma(sum, d[2], add(d[0], d[4]));
  t[1] = fma(a, oddA, evenA);
  t[2] = fnma(a, oddA, evenA);
  t[3] = fma(b, oddB, evenB);
  t[4] = fnma(b, oddB, evenB);
  t[5] = fnma(sum, d[3], add(d[1], d[5]));
}

void stemInput(const StemInput& t) {
  for (int64_t phase = 0; phase < t.stride; ++phase) {
    // The last vector first would do as well; what one writes too much the next, or the next tile, overwrites.
    for (int64_t at = 0; at < t.run; at += Vec::width) {
      Vec columns[6][6];  // [point of rows][column]
      for (int j = 0; j < 6; ++j) {
        const float* x = t.x + phase * t.line + j * t.run + at;
        Vec d[6], p[6];
        repeat<6>(STRIATE_LAMBDA(int i) { d[i] = Vec::load(x + i * t.stride * t.line); });
        stemInputAxis(d, p);
        repeat<6>(STRIATE_LAMBDA(int i) { columns[i][j] = p[i]; });
      }
      float* v = t.v + phase * t.run + at;
      for (int i = 0; i < 6; ++i) {
        Vec p[6];
        stemInputAxis(columns[i], p);
        repeat<6>(STRIATE_LAMBDA(int j) { p[j].store(v + j * t.vPoint); });
        v += 6 * t.vPoint;
      }
    }
  }
}

template <int kTiles>
void stemProduct(const StemProduct& t) {
  constexpr int kWidth = 2 * Vec::width;
  const float* u = t.u;
  const float* v = t.v;
  float* m = t.m;
  const int64_t depth = t.depth;
  for (int p = 0; p < kStemPoints * kStemPoints; ++p, v += t.vPoint, m += kStemTiles * kWidth) {
    Vec acc[kTiles][2];
    repeat<kTiles>(STRIATE_LAMBDA(int i) { acc[i][0] = acc[i][1] = Vec::zero(); });
#pragma GCC unroll 3
    for (int64_t k = 0; k < depth; ++k, u += kWidth) {
      const Vec u0 = Vec::load(u), u1 = Vec::load(u + Vec::width);
      repeat<kTiles>(STRIATE_LAMBDA(int i) {
        const Vec a = Vec::broadcastLoad(v + i * depth + k);
        acc[i][0] = fma(a, u0, acc[i][0]);
        acc[i][1] = fma(a, u1, acc[i][1]);
      });
    }
    repeat<kTiles>(STRIATE_LAMBDA(int i) {
      acc[i][0].store(m + i * kWidth);
      acc[i][1].store(m + i * kWidth + Vec::width);
    });
  }
}

// A^T of m rows for the points 0, 1, -1, 2, -2: as b = 2 a, row i is that of the points in use over a^i, which comes
// last, in one factor a^(i + j) for both axes. The column of infinity goes with U.
template <int kOutputs>
STRIATE_INLINE void stemOutputAxis(const Vec (&m)[6], Vec (&y)[kOutputs]) {
  const Vec s1 = add(m[1], m[2]), d1 = sub(m[1], m[2]), s2 = add(m[3], m[4]), d2 = sub(m[3], m[4]);
  y[0] = add(add(m[0], s1), s2);
  y[1] = fma(Vec::broadcast(2.0f), d2, d1);
  if constexpr (kOutputs == 3) {
    y[2] = fma(Vec::broadcast(4.0f), s2, add(s1, m[5]));
  } else {
    y[2] = fma(Vec::broadcast(4.0f), s2, s1);
    y[3] = fma(Vec::broadcast(8.0f), d2, add(d1, m[5]));
  }
}
constexpr float kStemPowers[7] = {1.0f, kStemA, 0.5f, 0.5f * kStemA, 0.25f, 0.25f * kStemA, 0.125f};

template <int kOutputs, class Act>
STRIATE_INLINE void stemOutputWith(const StemOutput& t, const Act& act) {
  constexpr int kWidth = 2 * Vec::width;
  for (int lane = 0; lane < kWidth; lane += Vec::width) {
    Vec half[kOutputs][6];  // rows done
    const float* m = t.m + lane;
    for (int j = 0; j < 6; ++j) {
      Vec column[6], y[kOutputs];
      repeat<6>(STRIATE_LAMBDA(int i) { column[i] = Vec::load(m + (i * 6 + j) * kStemTiles * kWidth); });
      stemOutputAxis<kOutputs>(column, y);
      repeat<kOutputs>(STRIATE_LAMBDA(int i) { half[i][j] = y[i]; });
    }
    const Vec bias = t.bias == nullptr ? Vec::zero() : Vec::load(t.bias + lane);
    for (int i = 0; i < t.rows; ++i) {
      Vec y[kOutputs];
      stemOutputAxis<kOutputs>(half[i], y);
      float* to = t.y + i * t.row + lane;
      if (t.columns == kOutputs) {
        repeat<kOutputs>(STRIATE_LAMBDA(int j) {
          act(fma(y[j], Vec::broadcastLoad(kStemPowers + i + j), bias)).store(to + j * t.pixel);
        });
      } else {
        for (int j = 0; j < t.columns; ++j)
          act(fma(y[j], Vec::broadcastLoad(kStemPowers + i + j), bias)).store(to + j * t.pixel);
      }
    }
  }
}

template <int kOutputs>
void stemOutput(const StemOutput& t) {
  const Vec slope = Vec::broadcast(t.slope);
  switch (t.activation) {
    case kActivationRelu:
      return stemOutputWith<kOutputs>(
          t, STRIATE_LAMBDA(Vec v) { return reluV(v); });
    case kActivationLeakyRelu:
      return stemOutputWith<kOutputs>(
          t, STRIATE_LAMBDA(Vec v) { return leakyReluV(v, slope); });
    case kActivationRelu6:
      return stemOutputWith<kOutputs>(
          t, STRIATE_LAMBDA(Vec v) { return relu6V(v); });
    default:
      return stemOutputWith<kOutputs>(
          t, STRIATE_LAMBDA(Vec v) { return v; });
  }
}

}  // namespace
}  // namespace striate
