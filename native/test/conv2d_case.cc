#include "test/conv2d_case.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "test/winograd_bound.h"

namespace striate::test {
namespace {

// Calls visit(output, input, tap), pixels of y, x and the filter, for every output pixel and tap that meets the image.
template <class Visit>
void meet(const ConvCase& c, const Visit& visit) {
  for (int64_t n = 0; n < c.live(); ++n)
    for (int64_t i = 0; i < c.oh(); ++i)
      for (int64_t j = 0; j < c.ow(); ++j)
        for (int64_t a = 0; a < c.kernelH; ++a)
          for (int64_t b = 0; b < c.kernelW; ++b) {
            const int64_t h = i * c.strideH - c.top + a * c.dilationH;
            const int64_t w = j * c.strideW - c.left + b * c.dilationW;
            if (h >= 0 && h < c.h && w >= 0 && w < c.w)
              visit((n * c.oh() + i) * c.ow() + j, (n * c.h + h) * c.w + w, a * c.kernelW + b);
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

// Every live element of `actual` against its sum, which finish(pixel, channel, sum) completes: within `bound`, or that
// of Winograd's tiles and `extra`.
template <class Finish>
void compare(Tensor& actual, int64_t rows, const ConvSums& sums, int edge, double bound, double extra,
             const Finish& finish) {
  const int64_t channels = actual.desc.channels(), pixels = actual.desc.livePixels(rows);
  REQUIRE(static_cast<size_t>(pixels * channels) == sums.values.size());
  const double* bounds = edge > 0 ? sums.winogradBounds[edge / 2 - 1].data() : nullptr;
  const double* values = sums.values.data();
  int64_t i = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    const float* pixel = actual.pixel(p);
    for (int64_t k = 0; k < channels; ++k, ++i) {
      const double expected = finish(p, k, values[i]), most = bounds == nullptr ? bound : bounds[i] + extra;
      if (!near(pixel[k], expected, most)) {
        INFO("element ", i, " expected ", expected, " got ", pixel[k]);
        REQUIRE(near(pixel[k], expected, most));
      }
    }
  }
}

double sumAlone(int64_t, int64_t, double sum) { return sum; }

}  // namespace

void checkForward(const ConvCase& c, int algorithm, ConvExpected& expected) {
  ConvOperands t(c);
  std::vector<double> attributes = c.window();
  for (double v : {static_cast<double>(c.activation), 0.1, static_cast<double>(algorithm), 0.0})
    attributes.push_back(v);
  const std::vector<Tensor*> in = {&t.x, &t.filter, &t.bias, &t.residual, &t.scale};
  const std::string kernel = kernelOf("conv2d", in, {&t.y}, attributes, c.images);
  INFO(c.text(), " ", kernel);
  REQUIRE(runOp("conv2d", in, {&t.y}, attributes, {c.images, c.live()}).ok());
  const int64_t perGroup = c.filters / c.groups, inputs = c.channels / c.groups;
  ConvSums& sums = expected.forward;
  if (sums.values.empty()) {
    sums.values.resize(static_cast<size_t>(c.live() * c.oh() * c.ow() * c.filters));
    meet(c, [&](int64_t output, int64_t input, int64_t tap) {
      const float* x = t.x.pixel(input);
      double* y = &sums.values[static_cast<size_t>(output * c.filters)];
      for (int64_t k = 0; k < c.channels; ++k) {
        const int64_t first = k / inputs * perGroup;
        const double value = x[k];
        const float* weights = t.filter.pixel(tap * inputs + k % inputs);
        for (int64_t o = first; o < first + perGroup; ++o) y[o] += value * weights[o];
      }
    });
  }
  const int edge = winogradEdge(kernel);
  if (edge > 0 && sums.winogradBounds[edge / 2 - 1].empty()) {
    sums.winogradBounds[edge / 2 - 1] = winogradBound(
        edge, {c.live(), c.h, c.w, c.channels, c.oh(), c.ow(), c.filters, c.top, c.left},
        [&](int64_t n, int64_t h, int64_t w, int64_t k) { return t.x.image(n, h, w, k); },
        [&](int64_t a, int64_t b, int64_t k, int64_t o) {
          return t.filter.pixel((a * 3 + b) * inputs + k)[o] * (c.scale ? t.scale.element(o) : 1.0f);
        });
  }
  // Bias, residual, activation: values up to 2.
  compare(t.y, c.live(), sums, edge, tolerance(static_cast<double>(c.kernelH * c.kernelW * inputs)), 4 * kEpsilon,
          [&](int64_t p, int64_t o, double sum) {
            if (c.scale) sum *= t.scale.element(o);
            if (c.bias) sum += t.bias.element(o);
            if (c.residual) sum += t.residual.pixel(p)[o];
            return activate(c.activation, 0.1, sum);
          });
}

void checkBackwardInput(const ConvCase& c, int algorithm, ConvExpected& expected) {
  ConvOperands t(c);
  t.y.randomize(5, c.live());
  Tensor dx({c.images, c.h, c.w, c.channels}, {true, c.gap});
  std::vector<double> attributes = c.window();
  for (double v : {static_cast<double>(algorithm), 0.0}) attributes.push_back(v);
  const std::string kernel = kernelOf("conv2d.backwardInput", {&t.y, &t.filter}, {&dx}, attributes, c.images);
  INFO(c.text(), " ", kernel);
  REQUIRE(runOp("conv2d.backwardInput", {&t.y, &t.filter}, {&dx}, attributes, {c.images, c.live()}).ok());
  const int64_t perGroup = c.filters / c.groups, inputs = c.channels / c.groups;
  ConvSums& sums = expected.backwardInput;
  if (sums.values.empty()) {
    sums.values.resize(static_cast<size_t>(c.live() * c.h * c.w * c.channels));
    meet(c, [&](int64_t output, int64_t input, int64_t tap) {
      const float* dy = t.y.pixel(output);
      double* result = &sums.values[static_cast<size_t>(input * c.channels)];
      for (int64_t k = 0; k < c.channels; ++k) {
        const int64_t first = k / inputs * perGroup;
        const float* weights = t.filter.pixel(tap * inputs + k % inputs);
        double sum = 0;
        for (int64_t o = first; o < first + perGroup; ++o) sum += static_cast<double>(dy[o]) * weights[o];
        result[k] += sum;
      }
    });
  }
  const int edge = winogradEdge(kernel);
  if (edge > 0 && sums.winogradBounds[edge / 2 - 1].empty()) {
    sums.winogradBounds[edge / 2 - 1] = winogradBound(
        edge, {c.live(), c.oh(), c.ow(), c.filters, c.h, c.w, c.channels, 2 - c.top, 2 - c.left},
        [&](int64_t n, int64_t i, int64_t j, int64_t o) { return t.y.image(n, i, j, o); },
        [&](int64_t a, int64_t b, int64_t o, int64_t k) {
          return t.filter.pixel(((2 - a) * 3 + 2 - b) * inputs + k)[o];
        });
  }
  compare(dx, c.live(), sums, edge, tolerance(static_cast<double>(c.kernelH * c.kernelW * perGroup)), 0, sumAlone);
}

void checkBackwardFilter(const ConvCase& c, int algorithm, ConvExpected& expected) {
  ConvOperands t(c);
  t.y.randomize(5, c.live());
  Tensor dfilter({c.kernelH, c.kernelW, c.channels / c.groups, c.filters}, {false, c.gap});
  std::vector<double> attributes = c.window();
  for (double v : {static_cast<double>(algorithm), 0.0}) attributes.push_back(v);
  const std::string kernel = kernelOf("conv2d.backwardFilter", {&t.x, &t.y}, {&dfilter}, attributes, c.images);
  INFO(c.text(), " ", kernel);
  REQUIRE(runOp("conv2d.backwardFilter", {&t.x, &t.y}, {&dfilter}, attributes, {c.images, c.live()}).ok());
  const int64_t perGroup = c.filters / c.groups, inputs = c.channels / c.groups;
  ConvSums& sums = expected.backwardFilter;
  if (sums.values.empty()) {
    sums.values.resize(static_cast<size_t>(c.kernelH * c.kernelW * inputs * c.filters));
    meet(c, [&](int64_t output, int64_t input, int64_t tap) {
      const float* x = t.x.pixel(input);
      const float* dy = t.y.pixel(output);
      for (int64_t k = 0; k < c.channels; ++k) {
        const int64_t first = k / inputs * perGroup;
        const double value = x[k];
        double* result = &sums.values[static_cast<size_t>((tap * inputs + k % inputs) * c.filters)];
        for (int64_t o = first; o < first + perGroup; ++o) result[o] += value * dy[o];
      }
    });
  }
  const int edge = winogradEdge(kernel);
  if (edge > 0 && sums.winogradBounds[edge / 2 - 1].empty()) {
    sums.winogradBounds[edge / 2 - 1] = winogradFilterBound(
        edge, {c.live(), c.h, c.w, c.channels, c.oh(), c.ow(), c.filters, c.top, c.left},
        [&](int64_t n, int64_t h, int64_t w, int64_t k) { return t.x.image(n, h, w, k); },
        [&](int64_t n, int64_t i, int64_t j, int64_t o) { return t.y.image(n, i, j, o); });
  }
  compare(dfilter, 1, sums, edge, tolerance(static_cast<double>(c.live() * c.oh() * c.ow())), 0, sumAlone);
}

void checkScaled(ConvCase c) {
  c.scale = true;
  ConvExpected expected;
  for (int algorithm : {0, 1}) {
    for (bool constant : {false, true}) {
      c.constant = constant;
      checkForward(c, algorithm, expected);
    }
  }
}

namespace {

void checkWith(ConvCase c, std::initializer_list<int> algorithms) {
  ConvExpected expected;
  for (int algorithm : algorithms) {
    c.constant = algorithm == 1;
    checkForward(c, algorithm, expected);
    checkBackwardInput(c, algorithm, expected);
    c.constant = !c.constant;
    checkForward(c, algorithm, expected);
    checkBackwardInput(c, algorithm, expected);
    checkBackwardFilter(c, algorithm, expected);
  }
}

// Whether asking for Winograd may give another algorithm than the menu's: it takes 3x3 at stride 1 only.
bool mayAskForWinograd(const ConvCase& c) {
  return c.kernelH == 3 && c.kernelW == 3 && c.strideH == 1 && c.strideW == 1 && c.dilationH == 1 && c.dilationW == 1 &&
         c.groups == 1;
}

}  // namespace

void checkAll(const ConvCase& c) { mayAskForWinograd(c) ? checkWith(c, {0, 1, 2}) : checkWith(c, {0, 1}); }

void checkWithoutIm2col(const ConvCase& c) { mayAskForWinograd(c) ? checkWith(c, {0, 2}) : checkWith(c, {0}); }

}  // namespace striate::test
