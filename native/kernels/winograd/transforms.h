// The matrices of Winograd's minimal filtering, as vector code. (Include one vec_<isa>.h first.)
//
// F(2, 3) has the points 0, 1, -1, infinity. F(4, 3) has 0, +-a, +-b, infinity with a = sqrt(1/2) and b = sqrt(2), as
// ncnn does, instead of the usual +-1, +-2: the same number of operations, less than half the error (Barabasz et al.,
// "Error analysis and improving the accuracy of Winograd convolution", 2020: points p, 1/p keep powers small both
// ways).
//
//          [1   0 -5/2  0   1 0]        [ 1        0       0 ]
//          [0  -b  -2   a   1 0]        [-2/3  -2/3 a   -1/3 ]          [1 1  1  1   1  0]
//   B^T =  [0   b  -2  -a   1 0]   G =  [-2/3   2/3 a   -1/3 ]   A^T =  [0 a -a  b  -b  0]
//          [0  -a -1/2  b   1 0]        [ 1/6   1/6 b    1/3 ]          [0 aa aa bb bb  0]
//          [0   a -1/2 -b   1 0]        [ 1/6  -1/6 b    1/3 ]          [0 aaa .. -bbb  1]
//          [0   1   0 -5/2  0 1]        [ 0        0       1 ]
#pragma once
#include "simd/unroll.h"

namespace striate {
namespace {

template <int kEdge>
struct Member;

template <>
struct Member<2> {
  static constexpr int kEdge = 2, kSpan = 4;
  static STRIATE_INLINE void input(const Vec (&d)[4], Vec (&v)[4]) {
    v[0] = sub(d[0], d[2]);
    v[1] = add(d[1], d[2]);
    v[2] = sub(d[2], d[1]);
    v[3] = sub(d[3], d[1]);
  }
  static STRIATE_INLINE void filter(const Vec (&g)[3], Vec (&u)[4]) {
    const Vec half = Vec::broadcast(0.5f);
    const Vec even = mul(half, add(g[0], g[2])), odd = mul(half, g[1]);
    u[0] = g[0];
    u[1] = add(even, odd);
    u[2] = sub(even, odd);
    u[3] = g[2];
  }
  static STRIATE_INLINE void output(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = add(m[0], add(m[1], m[2]));
    y[1] = add(m[3], sub(m[1], m[2]));
  }
};

template <>
struct Member<4> {
  static constexpr int kEdge = 4, kSpan = 6;
  static constexpr float kA = 0.70710678118654752f, kB = 1.41421356237309505f;

  static STRIATE_INLINE void input(const Vec (&d)[6], Vec (&v)[6]) {
    const Vec two = Vec::broadcast(2), half = Vec::broadcast(0.5f), fiveHalves = Vec::broadcast(2.5f);
    const Vec a = Vec::broadcast(kA), b = Vec::broadcast(kB);
    const Vec evenA = fnma(two, d[2], d[4]), oddA = fnma(two, d[1], d[3]);
    const Vec evenB = fnma(half, d[2], d[4]), oddB = fnma(half, d[1], d[3]);
    v[0] = fnma(fiveHalves, d[2], add(d[0], d[4]));
    v[1] = fma(a, oddA, evenA);
    v[2] = fnma(a, oddA, evenA);
    v[3] = fma(b, oddB, evenB);
    v[4] = fnma(b, oddB, evenB);
    v[5] = fnma(fiveHalves, d[3], add(d[1], d[5]));
  }
  static STRIATE_INLINE void filter(const Vec (&g)[3], Vec (&u)[6]) {
    const Vec half = Vec::broadcast(0.5f), third = Vec::broadcast(1.0f / 3);
    const Vec evenA = mul(Vec::broadcast(-2.0f / 3), fma(half, g[2], g[0]));
    const Vec evenB = mul(third, fma(half, g[0], g[2]));
    const Vec oddA = mul(Vec::broadcast(-kB / 3), g[1]), oddB = mul(Vec::broadcast(kB / 6), g[1]);
    u[0] = g[0];
    u[1] = add(evenA, oddA);
    u[2] = sub(evenA, oddA);
    u[3] = add(evenB, oddB);
    u[4] = sub(evenB, oddB);
    u[5] = g[2];
  }
  static STRIATE_INLINE void output(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec two = Vec::broadcast(2), half = Vec::broadcast(0.5f);
    const Vec a = Vec::broadcast(kA);
    // 1: a oddA + b oddB = a (oddA + 2 oddB); a^3 = a / 2, b^3 = 4 a.
    const Vec evenA = add(m[1], m[2]), oddA = sub(m[1], m[2]);
    const Vec evenB = add(m[3], m[4]), oddB = sub(m[3], m[4]);
    y[0] = add(m[0], add(evenA, evenB));
    y[1] = mul(a, fma(two, oddB, oddA));
    y[2] = fma(two, evenB, mul(half, evenA));
    y[3] = fma(a, fma(Vec::broadcast(4), oddB, mul(half, oddA)), m[5]);
  }
  static STRIATE_INLINE void outputAdjoint(const Vec (&y)[4], Vec (&m)[6]) {
    const Vec two = Vec::broadcast(2), half = Vec::broadcast(0.5f);
    const Vec a = Vec::broadcast(kA), b = Vec::broadcast(kB);
    const Vec evenA = fma(half, y[2], y[0]), oddA = fma(half, y[3], y[1]);
    const Vec evenB = fma(two, y[2], y[0]), oddB = fma(two, y[3], y[1]);
    m[0] = y[0];
    m[1] = fma(a, oddA, evenA);
    m[2] = fnma(a, oddA, evenA);
    m[3] = fma(b, oddB, evenB);
    m[4] = fnma(b, oddB, evenB);
    m[5] = y[3];
  }
  static STRIATE_INLINE void filterAdjoint(const Vec (&u)[6], Vec (&g)[3]) {
    const Vec third = Vec::broadcast(1.0f / 3), sixth = Vec::broadcast(1.0f / 6);
    const Vec evenA = add(u[1], u[2]), oddA = sub(u[1], u[2]);
    const Vec evenB = add(u[3], u[4]), oddB = sub(u[3], u[4]);
    g[0] = add(u[0], fma(sixth, evenB, mul(Vec::broadcast(-2.0f / 3), evenA)));
    g[1] = mul(Vec::broadcast(kB / 3), fnma(Vec::broadcast(1), oddA, mul(Vec::broadcast(0.5f), oddB)));
    g[2] = add(u[5], mul(third, sub(evenB, evenA)));
  }
};

// out = T in T^t for the map T of kIn to kOut values; load(i, j) and store(i, j, value) see to memory.
template <int kIn, int kOut, class Map, class Load, class Store>
STRIATE_INLINE void mapBothWays(const Map& map, const Load& load, const Store& store) {
  Vec half[kOut][kIn];
  repeat<kIn>(STRIATE_LAMBDA(int j) {
    Vec in[kIn], out[kOut];
    repeat<kIn>(STRIATE_LAMBDA(int i) { in[i] = load(i, j); });
    map(in, out);
    repeat<kOut>(STRIATE_LAMBDA(int i) { half[i][j] = out[i]; });
  });
  repeat<kOut>(STRIATE_LAMBDA(int i) {
    Vec out[kOut];
    map(half[i], out);
    repeat<kOut>(STRIATE_LAMBDA(int j) { store(i, j, out[j]); });
  });
}

}  // namespace
}  // namespace striate
