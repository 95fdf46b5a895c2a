// How far a Winograd convolution in float32 may be from the exact one, element by element, in double.
//
// Every number on the way is a sum of products of inputs with entries of the matrices, so with |.| taken of each
// (Higham, Accuracy and Stability, section 3.1)
//
//   |error of y| <= n u |A^T| [ sum over c of (|G| |g_c| |G^T|) . (|B^T| |d_c| |B|) ] |A|
//
// where n counts the roundings on the longest path: at most 10 in each of the three transforms (five a side, that of
// the constants sqrt(2) and 1/3 included), one for a scale, and one per term of the sum.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace striate::test {

struct WinogradMatrices {
  int edge, span;
  std::vector<double> bt, g, at;  // span x span, span x 3, edge x span; absolute values
};

inline WinogradMatrices winogradMatrices(int edge) {
  if (edge == 2) {
    return {2,
            4,
            {1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1},
            {1, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 1},
            {1, 1, 1, 0, 0, 1, 1, 1}};
  }
  const double b = std::sqrt(2.0), a = b / 2;
  return {4,
          6,
          {1, 0, 2.5, 0, 1, 0, 0, b, 2,   a, 1, 0, 0, b, 2, a,   1, 0,
           0, a, 0.5, b, 1, 0, 0, a, 0.5, b, 1, 0, 0, 1, 0, 2.5, 0, 1},
          {1, 0, 0, 2. / 3, 2 * a / 3, 1. / 3, 2. / 3, 2 * a / 3, 1. / 3, 1. / 6, b / 6, 1. / 3, 1. / 6, b / 6, 1. / 3,
           0, 0, 1},
          {1, 1, 1, 1, 1, 0, 0, a, a, b, b, 0, 0, 0.5, 0.5, 2, 2, 0, 0, a / 2, a / 2, 2 * b, 2 * b, 1}};
}

inline void addProducts(const std::vector<double>& a, const std::vector<double>& b, std::vector<double>& sums) {
  const double *left = a.data(), *right = b.data();
  double* sum = sums.data();
  for (size_t p = 0; p < sums.size(); ++p) sum[p] += left[p] * right[p];
}

// T in T^t for a matrix of `rows` x `columns`, or (transposed) for its transpose.
inline std::vector<double> mapBothWays(const std::vector<double>& t, int rows, int columns, bool transposed,
                                       const std::vector<double>& in) {
  const int to = transposed ? columns : rows, from = transposed ? rows : columns;
  const int row = transposed ? 1 : columns, step = transposed ? columns : 1;
  std::vector<double> half(static_cast<size_t>(to * from)), out(static_cast<size_t>(to * to));
  for (int i = 0; i < to; ++i)
    for (int j = 0; j < from; ++j) {
      const double *left = &t[static_cast<size_t>(i * row)], *right = &in[static_cast<size_t>(j)];
      double sum = 0;
      for (int k = 0; k < from; ++k) sum += left[k * step] * right[k * from];
      half[static_cast<size_t>(i * from + j)] = sum;
    }
  for (int i = 0; i < to; ++i)
    for (int j = 0; j < to; ++j) {
      const double *left = &half[static_cast<size_t>(i * from)], *right = &t[static_cast<size_t>(j * row)];
      double sum = 0;
      for (int k = 0; k < from; ++k) sum += left[k] * right[k * step];
      out[static_cast<size_t>(i * to + j)] = sum;
    }
  return out;
}

struct WinogradSizes {
  int64_t images, sourceH, sourceW, channels, targetH, targetW, columns, top, left;
};

constexpr double kRoundings = 31, kUnit = 5.9604644775390625e-08;

// source(n, h, w, c) and filter(a, b, c, k): values. One bound per target element.
template <class Source, class Filter>
std::vector<double> winogradBound(int edge, const WinogradSizes& s, const Source& source, const Filter& filter) {
  const WinogradMatrices m = winogradMatrices(edge);
  const int span = m.span;
  const auto points = static_cast<size_t>(span * span);
  std::vector<std::vector<double>> u(static_cast<size_t>(s.channels * s.columns));
  for (int64_t c = 0; c < s.channels; ++c)
    for (int64_t k = 0; k < s.columns; ++k) {
      std::vector<double> g(9);
      for (int t = 0; t < 9; ++t) g[static_cast<size_t>(t)] = std::abs(static_cast<double>(filter(t / 3, t % 3, c, k)));
      u[static_cast<size_t>(c * s.columns + k)] = mapBothWays(m.g, span, 3, false, g);
    }
  std::vector<double> bound(static_cast<size_t>(s.images * s.targetH * s.targetW * s.columns));
  for (int64_t n = 0; n < s.images; ++n)
    for (int64_t i = 0; i < s.targetH; i += edge)
      for (int64_t j = 0; j < s.targetW; j += edge) {
        std::vector<std::vector<double>> sums(static_cast<size_t>(s.columns), std::vector<double>(points));
        for (int64_t c = 0; c < s.channels; ++c) {
          std::vector<double> d(points);
          for (int a = 0; a < span; ++a)
            for (int b = 0; b < span; ++b) {
              const int64_t h = i - s.top + a, w = j - s.left + b;
              if (h >= 0 && h < s.sourceH && w >= 0 && w < s.sourceW)
                d[static_cast<size_t>(a * span + b)] = std::abs(static_cast<double>(source(n, h, w, c)));
            }
          const std::vector<double> v = mapBothWays(m.bt, span, span, false, d);
          for (int64_t k = 0; k < s.columns; ++k)
            addProducts(v, u[static_cast<size_t>(c * s.columns + k)], sums[static_cast<size_t>(k)]);
        }
        for (int64_t k = 0; k < s.columns; ++k) {
          const std::vector<double> y = mapBothWays(m.at, edge, span, false, sums[static_cast<size_t>(k)]);
          for (int a = 0; a < edge && i + a < s.targetH; ++a)
            for (int b = 0; b < edge && j + b < s.targetW; ++b)
              bound[static_cast<size_t>(((n * s.targetH + i + a) * s.targetW + j + b) * s.columns + k)] =
                  (static_cast<double>(s.channels) + kRoundings) * kUnit * y[static_cast<size_t>(a * edge + b)];
        }
      }
  return bound;
}

// The gradient of the filter: dy(n, i, j, k). One bound per (a, b, c, k).
template <class Source, class Gradient>
std::vector<double> winogradFilterBound(int edge, const WinogradSizes& s, const Source& source, const Gradient& dy) {
  const WinogradMatrices m = winogradMatrices(edge);
  const int span = m.span;
  const auto points = static_cast<size_t>(span * span);
  std::vector<std::vector<double>> sums(static_cast<size_t>(s.channels * s.columns), std::vector<double>(points));
  double tiles = 0;
  for (int64_t n = 0; n < s.images; ++n)
    for (int64_t i = 0; i < s.targetH; i += edge)
      for (int64_t j = 0; j < s.targetW; j += edge, ++tiles) {
        std::vector<std::vector<double>> gradients;
        for (int64_t k = 0; k < s.columns; ++k) {
          std::vector<double> y(static_cast<size_t>(edge * edge));
          for (int a = 0; a < edge && i + a < s.targetH; ++a)
            for (int b = 0; b < edge && j + b < s.targetW; ++b)
              y[static_cast<size_t>(a * edge + b)] = std::abs(static_cast<double>(dy(n, i + a, j + b, k)));
          gradients.push_back(mapBothWays(m.at, edge, span, true, y));
        }
        for (int64_t c = 0; c < s.channels; ++c) {
          std::vector<double> d(points);
          for (int a = 0; a < span; ++a)
            for (int b = 0; b < span; ++b) {
              const int64_t h = i - s.top + a, w = j - s.left + b;
              if (h >= 0 && h < s.sourceH && w >= 0 && w < s.sourceW)
                d[static_cast<size_t>(a * span + b)] = std::abs(static_cast<double>(source(n, h, w, c)));
            }
          const std::vector<double> v = mapBothWays(m.bt, span, span, false, d);
          for (int64_t k = 0; k < s.columns; ++k)
            addProducts(v, gradients[static_cast<size_t>(k)], sums[static_cast<size_t>(c * s.columns + k)]);
        }
      }
  std::vector<double> bound(static_cast<size_t>(9 * s.channels * s.columns));
  for (int64_t c = 0; c < s.channels; ++c)
    for (int64_t k = 0; k < s.columns; ++k) {
      const std::vector<double> g = mapBothWays(m.g, span, 3, true, sums[static_cast<size_t>(c * s.columns + k)]);
      for (size_t t = 0; t < 9; ++t)
        bound[(t * static_cast<size_t>(s.channels) + static_cast<size_t>(c)) * static_cast<size_t>(s.columns) +
              static_cast<size_t>(k)] = (tiles + kRoundings) * kUnit * g[t];
    }
  return bound;
}

}  // namespace striate::test
