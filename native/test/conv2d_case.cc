#include "test/conv2d_case.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "test/winograd_bound.h"

namespace striate::test {
namespace {

// Calls visit(n, i, j, a, b, h, w, g) for every output pixel and tap that meets the image, group by group.
template <class Visit>
void meet(const ConvCase& c, const Visit& visit) {
  for (int64_t n = 0; n < c.live(); ++n)
    for (int64_t i = 0; i < c.oh(); ++i)
      for (int64_t j = 0; j < c.ow(); ++j)
        for (int64_t a = 0; a < c.kernelH; ++a)
          for (int64_t b = 0; b < c.kernelW; ++b) {
            const int64_t h = i * c.strideH - c.top + a * c.dilationH;
            const int64_t w = j * c.strideW - c.left + b * c.dilationW;
            if (h >= 0 && h < c.h && w >= 0 && w < c.w) visit(n, i, j, a, b, h, w);
          }
}

// Sums of products of values in [-1, 1): each addition may err by half an ulp of a partial sum, which stays below the
// number of terms; in a random walk far below. sqrt(length) * 4 bounds the partial sums well (8 standard deviations).
double tolerance(double terms) { return kEpsilon * (terms + 4) * std::max(1.0, std::sqrt(terms)) * 0.5; }

// The tile of a Winograd kernel, "..._winograd_f4x3__avx2": 4 or 2; 0 for any other.
int winogradEdge(const std::string& kernel) {
  const size_t at = kernel.find("_winograd_f");
  return at == std::string::npos ? 0 : kernel[at + 11] - '0';
}

}  // namespace

void checkForward(const ConvCase& c, int algorithm) {
  ConvOperands t(c);
  std::vector<double> attributes = c.window();
  for (double v : {static_cast<double>(c.activation), 0.1, static_cast<double>(algorithm), 0.0})
    attributes.push_back(v);
  const std::vector<Tensor*> in = {&t.x, &t.filter, &t.bias, &t.residual, &t.scale};
  const std::string kernel = kernelOf("conv2d", in, {&t.y}, attributes, c.images);
  INFO(c.text(), " ", kernel);
  REQUIRE(runOp("conv2d", in, {&t.y}, attributes, {c.images, c.live()}).ok());
  const int64_t perGroup = c.filters / c.groups, inputs = c.channels / c.groups;
  std::vector<double> y(static_cast<size_t>(c.live() * c.oh() * c.ow() * c.filters));
  meet(c, [&](int64_t n, int64_t i, int64_t j, int64_t a, int64_t b, int64_t h, int64_t w) {
    for (int64_t o = 0; o < c.filters; ++o)
      for (int64_t k = 0; k < inputs; ++k)
        y[static_cast<size_t>(((n * c.oh() + i) * c.ow() + j) * c.filters + o)] +=
            static_cast<double>(t.x.image(n, h, w, o / perGroup * inputs + k)) *
            t.filter.element(((a * c.kernelW + b) * inputs + k) * c.filters + o) * (c.scale ? t.scale.element(o) : 1.0);
  });
  std::vector<double> bounds(y.size(), tolerance(static_cast<double>(c.kernelH * c.kernelW * inputs)));
  if (const int edge = winogradEdge(kernel); edge > 0) {
    bounds = winogradBound(
        edge, {c.live(), c.h, c.w, c.channels, c.oh(), c.ow(), c.filters, c.top, c.left},
        [&](int64_t n, int64_t h, int64_t w, int64_t k) { return t.x.image(n, h, w, k); },
        [&](int64_t a, int64_t b, int64_t k, int64_t o) {
          return t.filter.element(((a * 3 + b) * inputs + k) * c.filters + o) * (c.scale ? t.scale.element(o) : 1.0f);
        });
    for (double& bound : bounds) bound += 4 * kEpsilon;  // bias, residual, activation: values up to 2
  }
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i);
    const double bound = bounds[i];
    double expected = y[i];
    if (c.bias) expected += t.bias.element(at % c.filters);
    if (c.residual) expected += t.residual.element(at);
    expected = activate(c.activation, 0.1, expected);
    if (!near(t.y.element(at), expected, bound)) {
      INFO("element ", at, " expected ", expected, " got ", t.y.element(at));
      REQUIRE(near(t.y.element(at), expected, bound));
    }
  }
}

void checkBackwardInput(const ConvCase& c, int algorithm) {
  ConvOperands t(c);
  t.y.randomize(5, c.live());
  Tensor dx({c.images, c.h, c.w, c.channels}, {true, c.gap});
  std::vector<double> attributes = c.window();
  for (double v : {static_cast<double>(algorithm), 0.0}) attributes.push_back(v);
  const std::string kernel = kernelOf("conv2d.backwardInput", {&t.y, &t.filter}, {&dx}, attributes, c.images);
  INFO(c.text(), " ", kernel);
  REQUIRE(runOp("conv2d.backwardInput", {&t.y, &t.filter}, {&dx}, attributes, {c.images, c.live()}).ok());
  const int64_t perGroup = c.filters / c.groups, inputs = c.channels / c.groups;
  std::vector<double> expected(static_cast<size_t>(c.live() * c.h * c.w * c.channels));
  meet(c, [&](int64_t n, int64_t i, int64_t j, int64_t a, int64_t b, int64_t h, int64_t w) {
    for (int64_t o = 0; o < c.filters; ++o)
      for (int64_t k = 0; k < inputs; ++k)
        expected[static_cast<size_t>(((n * c.h + h) * c.w + w) * c.channels + o / perGroup * inputs + k)] +=
            static_cast<double>(t.y.image(n, i, j, o)) *
            t.filter.element(((a * c.kernelW + b) * inputs + k) * c.filters + o);
  });
  std::vector<double> bounds(expected.size(), tolerance(static_cast<double>(c.kernelH * c.kernelW * perGroup)));
  if (const int edge = winogradEdge(kernel); edge > 0) {
    bounds = winogradBound(
        edge, {c.live(), c.oh(), c.ow(), c.filters, c.h, c.w, c.channels, 2 - c.top, 2 - c.left},
        [&](int64_t n, int64_t i, int64_t j, int64_t o) { return t.y.image(n, i, j, o); },
        [&](int64_t a, int64_t b, int64_t o, int64_t k) {
          return t.filter.element((((2 - a) * 3 + 2 - b) * inputs + k) * c.filters + o);
        });
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i);
    const double bound = bounds[i];
    if (!near(dx.element(at), expected[i], bound)) {
      INFO("element ", at, " expected ", expected[i], " got ", dx.element(at));
      REQUIRE(near(dx.element(at), expected[i], bound));
    }
  }
}

void checkBackwardFilter(const ConvCase& c, int algorithm) {
  ConvOperands t(c);
  t.y.randomize(5, c.live());
  Tensor dfilter({c.kernelH, c.kernelW, c.channels / c.groups, c.filters}, {false, c.gap});
  std::vector<double> attributes = c.window();
  for (double v : {static_cast<double>(algorithm), 0.0}) attributes.push_back(v);
  const std::string kernel = kernelOf("conv2d.backwardFilter", {&t.x, &t.y}, {&dfilter}, attributes, c.images);
  INFO(c.text(), " ", kernel);
  REQUIRE(runOp("conv2d.backwardFilter", {&t.x, &t.y}, {&dfilter}, attributes, {c.images, c.live()}).ok());
  const int64_t perGroup = c.filters / c.groups, inputs = c.channels / c.groups;
  std::vector<double> expected(static_cast<size_t>(c.kernelH * c.kernelW * inputs * c.filters));
  meet(c, [&](int64_t n, int64_t i, int64_t j, int64_t a, int64_t b, int64_t h, int64_t w) {
    for (int64_t o = 0; o < c.filters; ++o)
      for (int64_t k = 0; k < inputs; ++k)
        expected[static_cast<size_t>(((a * c.kernelW + b) * inputs + k) * c.filters + o)] +=
            static_cast<double>(t.y.image(n, i, j, o)) * t.x.image(n, h, w, o / perGroup * inputs + k);
  });
  std::vector<double> bounds(expected.size(), tolerance(static_cast<double>(c.live() * c.oh() * c.ow())));
  if (const int edge = winogradEdge(kernel); edge > 0) {
    bounds = winogradFilterBound(
        edge, {c.live(), c.h, c.w, c.channels, c.oh(), c.ow(), c.filters, c.top, c.left},
        [&](int64_t n, int64_t h, int64_t w, int64_t k) { return t.x.image(n, h, w, k); },
        [&](int64_t n, int64_t i, int64_t j, int64_t o) { return t.y.image(n, i, j, o); });
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i);
    const double bound = bounds[i];
    if (!near(dfilter.element(at), expected[i], bound)) {
      INFO("element ", at, " expected ", expected[i], " got ", dfilter.element(at));
      REQUIRE(near(dfilter.element(at), expected[i], bound));
    }
  }
}

void checkScaled(ConvCase c) {
  c.scale = true;
  for (int algorithm : {0, 1}) {
    for (bool constant : {false, true}) {
      c.constant = constant;
      checkForward(c, algorithm);
    }
  }
}

void checkAll(ConvCase c) {
  const bool square3 = c.kernelH == 3 && c.kernelW == 3 && c.strideH == 1 && c.strideW == 1 && c.dilationH == 1 &&
                       c.dilationW == 1 && c.groups == 1;
  for (int algorithm : {0, 1, 2}) {
    if (algorithm == 2 && !square3) continue;  // as algorithm 0
    c.constant = algorithm == 1;
    checkForward(c, algorithm);
    checkBackwardInput(c, algorithm);
    c.constant = !c.constant;
    checkForward(c, algorithm);
    checkBackwardInput(c, algorithm);
    checkBackwardFilter(c, algorithm);
  }
}

}  // namespace striate::test
