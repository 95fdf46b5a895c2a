// The first layer by minimal filtering, against plain double-precision loops, within a bound derived as in
// winograd_bound.h: phases of the stride are channels of a kernel of r taps, and m = 7 - r outputs come from six
// inputs.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "test/op_fixture.h"
#include "test/winograd_bound.h"

namespace striate::test {
namespace {

struct Stem {
  int64_t images = 1, h = 40, w = 37, channels = 3, filters = 16, kernel = 3, stride = 1;
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  int64_t rows = 0, gap = 0;
  bool constant = true, bias = true, scale = false;
  int activation = 0;
  int64_t live() const { return rows == 0 ? images : rows; }
  int64_t oh() const { return (h + top + bottom - kernel) / stride + 1; }
  int64_t ow() const { return (w + left + right - kernel) / stride + 1; }
};

void checkStem(const Stem& c) {
  Tensor x({c.images, c.h, c.w, c.channels}, {true, c.gap});
  Tensor filter({c.kernel, c.kernel, c.channels, c.filters}, {false, c.gap});
  Tensor bias = c.bias ? Tensor({c.filters}, {false}) : Tensor();
  Tensor scale = c.scale ? Tensor({c.filters}, {false}) : Tensor();
  Tensor none, y({c.images, c.oh(), c.ow(), c.filters}, {true, 2 * c.gap});
  x.randomize(1, c.live());
  filter.randomize(2, 1);
  if (c.bias) bias.randomize(3, 1);
  if (c.scale) scale.randomize(4, 1);
  filter.desc.constant = scale.desc.constant = c.constant;
  std::vector<double> attributes;
  for (int64_t v : {c.stride, c.stride, c.top, c.bottom, c.left, c.right, int64_t{1}, int64_t{1}, int64_t{1}})
    attributes.push_back(static_cast<double>(v));
  for (double v : {static_cast<double>(c.activation), 0.1, 0.0, 0.0}) attributes.push_back(v);
  const std::vector<Tensor*> in = {&x, &filter, &bias, &none, &scale};
  const int64_t taps = (c.kernel + c.stride - 1) / c.stride, edge = 7 - taps;
  const std::string kernel = kernelOf("conv2d", in, {&y}, attributes, c.images);
  INFO(kernel, " ", c.h, "x", c.w, " kernel ", c.kernel, " stride ", c.stride);
  REQUIRE(kernel.find(edge == 3 ? "_stem_f3x4_" : "_stem_f4x3_") != std::string::npos);
  REQUIRE(runOp("conv2d", in, {&y}, attributes, {c.images, c.live()}).ok());

  // |G| and |A^T| of F(edge x edge, taps x taps) at 0, +-a, +-b and infinity; |B^T| is that of any kernel with six
  // points.
  const double b = std::sqrt(2.0), point[] = {0, b / 2, b / 2, b, b}, weight[] = {1, 2. / 3, 2. / 3, 1. / 6, 1. / 6};
  std::vector<double> g(static_cast<size_t>(6 * taps)), at(static_cast<size_t>(edge * 6));
  for (size_t p = 0; p < 5; ++p) {
    for (int64_t q = 0; q < taps; ++q)
      g[p * static_cast<size_t>(taps) + static_cast<size_t>(q)] =
          weight[p] * std::pow(point[p], static_cast<double>(q));
    for (int64_t i = 0; i < edge; ++i) at[static_cast<size_t>(i * 6) + p] = std::pow(point[p], static_cast<double>(i));
  }
  g.back() = at.back() = 1;
  const WinogradMatrices m = winogradMatrices(4);

  const int64_t phases = c.stride * c.stride, depth = phases * c.channels;
  std::vector<std::vector<double>> u;  // |U| of each (phase, channel, filter)
  for (int64_t k = 0; k < depth; ++k) {
    const int64_t phase = k / c.channels, channel = k % c.channels;
    for (int64_t f = 0; f < c.filters; ++f) {
      std::vector<double> part(static_cast<size_t>(taps * taps));
      for (int64_t a = phase / c.stride; a < c.kernel; a += c.stride)
        for (int64_t e = phase % c.stride; e < c.kernel; e += c.stride)
          part[static_cast<size_t>(a / c.stride * taps + e / c.stride)] = std::abs(
              static_cast<double>(filter.element(((a * c.kernel + e) * c.channels + channel) * c.filters + f)) *
              (c.scale ? static_cast<double>(scale.element(f)) : 1.0));
      u.push_back(mapBothWays(g, 6, static_cast<int>(taps), false, part));
    }
  }
  for (int64_t n = 0; n < c.live(); ++n) {
    for (int64_t i = 0; i < c.oh(); i += edge) {
      for (int64_t j = 0; j < c.ow(); j += edge) {
        std::vector<std::vector<double>> v;
        for (int64_t k = 0; k < depth; ++k) {
          std::vector<double> d(36);
          for (int64_t p = 0; p < 36; ++p) {
            const int64_t h = (i + p / 6) * c.stride + k / c.channels / c.stride - c.top;
            const int64_t w = (j + p % 6) * c.stride + k / c.channels % c.stride - c.left;
            if (h >= 0 && h < c.h && w >= 0 && w < c.w)
              d[static_cast<size_t>(p)] = std::abs(static_cast<double>(x.image(n, h, w, k % c.channels)));
          }
          v.push_back(mapBothWays(m.bt, 6, 6, false, d));
        }
        for (int64_t f = 0; f < c.filters; ++f) {
          std::vector<double> sums(36);
          for (int64_t k = 0; k < depth; ++k)
            for (size_t p = 0; p < 36; ++p)
              sums[p] += v[static_cast<size_t>(k)][p] * u[static_cast<size_t>(k * c.filters + f)][p];
          const std::vector<double> most = mapBothWays(at, static_cast<int>(edge), 6, false, sums);
          for (int64_t r = 0; r < edge && i + r < c.oh(); ++r) {
            for (int64_t s = 0; s < edge && j + s < c.ow(); ++s) {
              double expected = 0;
              for (int64_t a = 0; a < c.kernel; ++a)
                for (int64_t e = 0; e < c.kernel; ++e)
                  for (int64_t k = 0; k < c.channels; ++k) {
                    const int64_t h = (i + r) * c.stride - c.top + a, w = (j + s) * c.stride - c.left + e;
                    if (h >= 0 && h < c.h && w >= 0 && w < c.w)
                      expected += static_cast<double>(x.image(n, h, w, k)) *
                                  filter.element(((a * c.kernel + e) * c.channels + k) * c.filters + f);
                  }
              if (c.scale) expected *= scale.element(f);
              if (c.bias) expected += bias.element(f);
              expected = activate(c.activation, 0.1, expected);
              const double bound =
                  (static_cast<double>(depth) + kRoundings) * kUnit * most[static_cast<size_t>(r * edge + s)] +
                  4 * kEpsilon;
              const float actual = y.image(n, i + r, j + s, f);
              if (!near(actual, expected, bound)) {
                INFO("pixel ", i + r, ",", j + s, " filter ", f, " expected ", expected, " got ", actual);
                REQUIRE(near(actual, expected, bound));
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("stem: kernels, strides, channels, widths around the tiles") {
  for (int64_t channels : {1, 2, 3, 4}) {
    for (int64_t w : {34, 35, 36, 37, 50}) checkStem({.w = w, .channels = channels});
    checkStem({.h = 75, .w = 81, .channels = channels, .kernel = 7, .stride = 2});
    checkStem({.h = 75, .w = 76, .channels = channels, .kernel = 5, .stride = 2, .top = 2, .left = 2});
    checkStem({.h = 40, .w = 41, .channels = channels, .kernel = 4});
    checkStem({.h = 80, .w = 70, .channels = channels, .kernel = 8, .stride = 2, .right = 3});
    checkStem({.h = 80, .w = 70, .channels = channels, .kernel = 6, .stride = 2, .top = 1, .bottom = 2});
  }
}

TEST_CASE("stem: padding, panels, slices, scale, epilogues, several images") {
  checkStem({.filters = 48, .top = 1, .bottom = 1, .left = 1, .right = 1, .constant = false});
  checkStem({.images = 3, .filters = 32, .top = 5, .left = 16, .rows = 2, .gap = 3, .scale = true, .activation = 1});
  checkStem({.images = 2,
             .h = 70,
             .w = 66,
             .filters = 32,
             .kernel = 7,
             .stride = 2,
             .top = 3,
             .bottom = 3,
             .left = 3,
             .right = 2,
             .gap = 1,
             .bias = false,
             .activation = 2});
  checkStem({.h = 150, .w = 130, .filters = 64, .kernel = 7, .stride = 2, .top = 3, .left = 2, .activation = 1});
}

}  // namespace striate::test
