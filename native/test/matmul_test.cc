// matmul in all transposes and epilogues against double-precision loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

struct Case {
  int64_t m, n, k;
  bool transposeA = false, transposeB = false;
  bool batched = true;
  int64_t rows = 0;  // live; 0: all
  bool bias = false, residual = false, constant = false, scale = false;
  int activation = 0;
  int64_t gap = 0;
  uint64_t budget = UINT64_MAX;
};

void check(const Case& c) {
  const bool rowsLive = c.batched && !c.transposeA, depthLive = c.batched && c.transposeA;
  const int64_t capacity = rowsLive ? c.m : depthLive ? c.k : 1;
  const int64_t live = c.rows == 0 || !c.batched ? capacity : c.rows;
  const int64_t m = rowsLive ? live : c.m, k = depthLive ? live : c.k;
  Tensor a = c.transposeA ? Tensor({c.k, c.m}, {depthLive, c.gap}) : Tensor({c.m, c.k}, {rowsLive, c.gap});
  Tensor b = c.transposeB ? Tensor({c.n, c.k}, {false, c.gap}) : Tensor({c.k, c.n}, {depthLive, c.gap + 2});
  if (depthLive && c.transposeB) return;  // live rows along the columns of b: refused, see below
  Tensor bias = c.bias ? Tensor({c.n}, {false}) : Tensor();
  Tensor residual = c.residual ? Tensor({c.m, c.n}, {rowsLive, c.gap}) : Tensor();
  const bool scaled = c.scale && !c.transposeA;
  Tensor scale = scaled ? Tensor({c.n}, {false}) : Tensor();
  Tensor y({c.m, c.n}, {rowsLive, c.gap * 2});
  a.randomize(1, live);
  b.randomize(2, live);
  b.desc.constant = c.constant;
  if (scaled) scale.randomize(5, 1);
  scale.desc.constant = c.constant;
  if (c.bias) bias.randomize(3, 1);
  if (c.residual) residual.randomize(4, live);
  INFO(c.m, "x", c.n, "x", c.k, c.transposeA ? " A'" : "", c.transposeB ? " B'" : "", " rows ", c.rows, " gap ", c.gap,
       " act ", c.activation);
  REQUIRE(runOp("matmul", {&a, &b, &bias, &residual, &scale}, {&y},
                {c.transposeA ? 1.0 : 0.0, c.transposeB ? 1.0 : 0.0, static_cast<double>(c.activation), 0.25},
                {.capacity = capacity, .rows = live, .packedBudget = c.budget})
              .ok());
  const double bound = kEpsilon * (static_cast<double>(k) + 4) * std::max(1.0, std::sqrt(static_cast<double>(k)));
  // Steps from a row to the next, and along the sum.
  const int64_t aRow = c.transposeA ? 1 : a.desc.pixelStride, aStep = c.transposeA ? a.desc.pixelStride : 1;
  const int64_t bColumn = c.transposeB ? b.desc.pixelStride : 1, bStep = c.transposeB ? 1 : b.desc.pixelStride;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < c.n; ++j) {
      const float* left = a.data() + i * aRow;
      const float* right = b.data() + j * bColumn;
      double sum = 0;
      for (int64_t q = 0; q < k; ++q) sum += static_cast<double>(left[q * aStep]) * right[q * bStep];
      if (scaled) sum *= scale.element(j);
      if (c.bias) sum += bias.at(0, j);
      if (c.residual) sum += residual.at(i, j);
      const double expected = activate(c.activation, 0.25, sum);
      if (!near(y.at(i, j), expected, bound)) {
        INFO("at ", i, ",", j, " expected ", expected, " got ", y.at(i, j));
        REQUIRE(near(y.at(i, j), expected, bound));
      }
    }
  }
}

}  // namespace

TEST_CASE("matmul: every edge of the tiles, all transposes") {
  for (int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 25}) {
    for (int64_t n : {1, 3, 4, 5, 8, 9, 15, 16, 17, 24, 33}) {
      for (int64_t k : {1, 2, 5, 8, 19}) {
        for (int transposes = 0; transposes < 4; ++transposes) {
          check({.m = m,
                 .n = n,
                 .k = k,
                 .transposeA = (transposes & 1) != 0,
                 .transposeB = (transposes & 2) != 0,
                 .batched = k != 5,
                 .constant = m % 2 == 0,
                 .scale = n % 2 == 1});
        }
      }
    }
  }
}

TEST_CASE("matmul: epilogues, live rows, channel slices") {
  for (int transposes = 0; transposes < 4; ++transposes) {
    for (int activation = 0; activation < 6; ++activation) {
      for (int with = 0; with < 4; ++with) {
        for (int64_t n : {6, 16, 37}) {
          check({.m = 14,
                 .n = n,
                 .k = 9,
                 .transposeA = (transposes & 1) != 0,
                 .transposeB = (transposes & 2) != 0,
                 .batched = (transposes & 1) == 0 || (transposes & 2) == 0,
                 .rows = 5,
                 .bias = (with & 1) != 0,
                 .residual = (with & 2) != 0,
                 .activation = activation,
                 .gap = 3});
        }
      }
    }
  }
}

TEST_CASE("matmul: few rows, b read in place") {
  const auto named = [](int64_t m, int64_t n, int64_t k, bool transposeB, bool constant) {
    Tensor a({m, k}), b = transposeB ? Tensor({n, k}, {false}) : Tensor({k, n}, {false}), y({m, n}), none;
    b.desc.constant = constant;
    const std::string kernel =
        kernelOf("matmul", {&a, &b, &none, &none, &none}, {&y}, {0, transposeB ? 1.0 : 0.0, 0, 0}, m);
    return kernel.find("_fewRows__") != std::string::npos;
  };
  CHECK(named(1, 33, 19, false, true));
  CHECK(named(2, 33, 19, false, true));
  CHECK_FALSE(named(3, 33, 19, false, true));
  CHECK(named(8, 33, 19, false, false));
  CHECK_FALSE(named(9, 33, 19, false, false));
  CHECK_FALSE(named(1, 33, 19, true, true));
  CHECK(named(4, 4097, 2049, false, true));
  CHECK(named(16, 4097, 2049, false, false));
  CHECK_FALSE(named(17, 4097, 2049, false, false));
  for (int64_t m = 1; m <= 16; ++m) {
    for (int64_t n : {1, 7, 10, 16, 33, 67}) {
      for (int64_t k : {1, 7, 8, 19, 35}) {
        for (int with = 0; with < 8; ++with) {
          check({.m = m,
                 .n = n,
                 .k = k,
                 .bias = (with & 1) != 0,
                 .residual = (with & 2) != 0,
                 .constant = k == 8,
                 .scale = (with & 4) != 0,
                 .activation = static_cast<int>((n + k) % 6),
                 .gap = m % 2 == 0 ? 3 : 0,
                 .budget = 64});
        }
      }
    }
  }
  // Several tasks, rows fetched by hand, fewer rows than capacity, more rows from memory.
  check({.m = 8, .n = 1001, .k = 413, .rows = 5, .bias = true, .scale = true, .activation = 5, .gap = 1});
  check({.m = 2, .n = 1033, .k = 3101, .bias = true, .residual = true, .activation = 1});
  check({.m = 1, .n = 3333, .k = 205, .constant = true, .scale = true});
  check({.m = 16, .n = 2049, .k = 4099, .rows = 15, .bias = true, .budget = 64});
  // Too few columns for two tasks: two ranges of terms, whole eights and a rest.
  for (int with = 0; with < 8; ++with) {
    check({.m = 1 + with,
           .n = 67 + with,
           .k = 1999 - with,
           .rows = 1 + with / 2,
           .bias = (with & 1) != 0,
           .residual = (with & 2) != 0,
           .scale = (with & 4) != 0,
           .activation = with % 6,
           .gap = with % 3,
           .budget = 64});
  }
}

TEST_CASE("matmul: a row has the same bits alone, read in place, as among others, by tiles") {
  for (int64_t n : {1, 7, 10, 16, 33}) {
    for (int64_t k : {1, 8, 35, 203}) {
      Tensor b({k, n}, {false}), bias({n}, {false}), none;
      b.randomize(1, 1);
      b.desc.constant = true;
      bias.randomize(2, 1);
      const std::vector<double> attributes{0, 0, 0, 0};
      std::vector<Tensor> results;
      for (int64_t m : {1, 2, 9}) {
        Tensor a({9, k}), y({9, n});
        a.randomize(3, 9);
        a.desc.dims[0] = y.desc.dims[0] = m;
        const std::string kernel = kernelOf("matmul", {&a, &b, &bias, &none, &none}, {&y}, attributes, m);
        CHECK((kernel.find("fewRows") != std::string::npos) == (m < 3));
        REQUIRE(runOp("matmul", {&a, &b, &bias, &none, &none}, {&y}, attributes, {m, m}).ok());
        results.push_back(y);
      }
      const auto rowOf = [n](Tensor& y) { return std::vector<float>(y.pixel(0), y.pixel(0) + n); };
      CHECK(rowOf(results[0]) == rowOf(results[2]));
      CHECK(rowOf(results[1]) == rowOf(results[2]));
    }
  }
}

TEST_CASE("matmul: several tasks, panels and passes") {
  check({.m = 200, .n = 130, .k = 300, .bias = true, .activation = 1});
  check({.m = 200, .n = 130, .k = 300, .transposeA = true, .rows = 270});
  check({.m = 33, .n = 70, .k = 9001, .residual = true, .activation = 2});
  check({.m = 70, .n = 40, .k = 5000, .transposeA = true, .rows = 4999});
  check({.m = 300, .n = 200, .k = 40, .transposeB = true});
  check({.m = 30,
         .n = 200,
         .k = 900,
         .transposeA = true,
         .transposeB = true,
         .batched = false,
         .bias = true,
         .residual = true,
         .activation = 4});
  check({.m = 1, .n = 1000, .k = 2048, .constant = true});
  // Rows that would evict each other from L1, and so many columns that they are copied; in one pass and in two.
  check({.m = 60, .n = 790, .k = 1024, .bias = true, .constant = true});
  check({.m = 20, .n = 790, .k = 3072, .residual = true, .constant = true, .activation = 1});
  check({.m = 20, .n = 790, .k = 1008, .constant = true, .gap = 16});
}

// On avx512 a tile is as wide as two whole panels where there are rows enough for tiles of five and six.
TEST_CASE("matmul: two panels side by side") {
  for (int64_t m : {23, 24, 25, 29, 31, 49}) {
    for (int64_t n : {63, 64, 65, 96, 97, 150}) {
      for (int64_t k : {1, 16, 35}) check({.m = m, .n = n, .k = k, .constant = true, .scale = n % 2 == 1});
    }
  }
  for (int activation = 0; activation < 6; ++activation) {
    for (int with = 0; with < 4; ++with) {
      check({.m = 31,
             .n = 130,
             .k = 33,
             .rows = with == 3 ? 27 : 31,
             .bias = (with & 1) != 0,
             .residual = (with & 2) != 0,
             .constant = true,
             .activation = activation,
             .gap = with});
    }
  }
  // The deepest pass, and two; columns of several tasks, of which each begins with a pair.
  for (int64_t k : {1152, 1153, 2100}) {
    check({.m = 40, .n = 70, .k = k, .bias = true, .residual = true, .constant = true, .activation = 1});
  }
  check({.m = 50, .n = 512, .k = 400, .bias = true, .constant = true});
  check({.m = 50, .n = 509, .k = 400, .transposeB = true, .constant = true});
}

TEST_CASE("matmul: what verify refuses") {
  Tensor a({4, 3}), b({3, 5}, {false}), y({4, 5}), none;
  const auto refused = [&](Tensor& a, Tensor& b, Tensor& bias, Tensor& residual, Tensor& y,
                           std::vector<double> attributes) {
    Tensor scale;
    return refusal("matmul", {&a, &b, &bias, &residual, &scale}, {&y}, attributes);
  };
  CHECK(refused(a, b, none, none, y, {0, 0, 0, 0}) == "");
  CHECK(refused(a, b, none, none, y, {1, 0, 0, 0}) ==
        "matmul: op(a) [m,k] times op(b) [k,n] must give y [m,n], got a [4,3] batched transposed, b [3,5], y [4,5] "
        "batched");
  CHECK(refused(a, b, none, none, y, {0, 2, 0, 0}) == "matmul: transposeB must be an integer from 0 to 1, got 2");
  CHECK(refused(a, b, none, none, y, {0, 0, 7, 0}) == "matmul: activation must be an integer from 0 to 5, got 7");
  Tensor fixed({4, 5}, {false}), batchedB({3, 5}), vector({5}), line({5}, {false}), transposedB({5, 3});
  CHECK(refused(a, b, none, none, fixed, {0, 0, 0, 0}) ==
        "matmul: batched rows must be those of a and y, or the contraction of both factors, got a [4,3] batched, b "
        "[3,5], y [4,5]");
  CHECK(refused(a, batchedB, none, none, y, {0, 0, 0, 0}) ==
        "matmul: batched rows must be those of a and y, or the contraction of both factors, got a [4,3] batched, b "
        "[3,5] batched, y [4,5] batched");
  CHECK(refused(a, transposedB, none, none, y, {0, 1, 0, 0}) ==
        "matmul: batched rows must be those of a and y, or the contraction of both factors, got a [4,3] batched, b "
        "[5,3] batched transposed, y [4,5] batched");
  CHECK(refused(a, b, vector, none, y, {0, 0, 0, 0}) == "matmul: bias must be [5], got [5] batched");
  CHECK(refused(a, b, line, fixed, y, {0, 0, 0, 0}) ==
        "matmul: residual must have the shape of y [4,5] batched, got [4,5]");
  Tensor square({4, 4}, {false}), scales({4}, {false});
  const auto scaledBy = [&](Tensor& scale, double transposeA) {
    return refusal("matmul", {&square, &square, &none, &none, &scale}, {&square}, {transposeA, 0, 0, 0});
  };
  CHECK(scaledBy(scales, 0) == "");
  CHECK(scaledBy(line, 0) == "matmul: scale must be [4], got [5]");
  CHECK(scaledBy(scales, 1) == "matmul: scale belongs to weights and goes with transposeA 0 only, got transposeA 1");
}

}  // namespace striate::test
