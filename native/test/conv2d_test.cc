// conv2d and its gradients, every algorithm, against plain double-precision loops. The fixture adds NaN bands around
// every buffer, compares one thread with several, and sees to it that nothing but live results is written.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "test/op_fixture.h"
#include "test/winograd_bound.h"

namespace striate::test {
namespace {

struct Case {
  int64_t images = 1, h = 5, w = 6, channels = 3, filters = 4;
  int64_t kernelH = 3, kernelW = 3, strideH = 1, strideW = 1;
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  int64_t dilationH = 1, dilationW = 1, groups = 1;
  int64_t rows = 0;  // live images; 0: all
  int64_t gap = 0;
  bool constant = false, bias = true, residual = false, scale = false;
  int activation = 0;

  int64_t live() const { return rows == 0 ? images : rows; }
  int64_t oh() const { return (h + top + bottom - dilationH * (kernelH - 1) - 1) / strideH + 1; }
  int64_t ow() const { return (w + left + right - dilationW * (kernelW - 1) - 1) / strideW + 1; }
  std::string text() const {
    const auto pair = [](int64_t a, int64_t b) { return std::to_string(a) + "x" + std::to_string(b); };
    return std::to_string(images) + "x" + pair(h, w) + "x" + std::to_string(channels) + " by " +
           pair(kernelH, kernelW) + "x" + std::to_string(filters) + " stride " + pair(strideH, strideW) + " pads " +
           pair(top, bottom) + "," + pair(left, right) + " dilation " + pair(dilationH, dilationW) + " groups " +
           std::to_string(groups) + " rows " + std::to_string(rows) + " gap " + std::to_string(gap) + " act " +
           std::to_string(activation) + (scale ? " scaled" : "");
  }
  std::vector<double> window() const {
    std::vector<double> a;
    for (int64_t v : {strideH, strideW, top, bottom, left, right, dilationH, dilationW, groups})
      a.push_back(static_cast<double>(v));
    return a;
  }
};

double activate(double x, int kind) {
  switch (kind) {
    case 1:
      return x > 0 ? x : 0;
    case 2:
      return x > 0 ? x : 0.1 * x;
    case 3:
      return 1 / (1 + std::exp(-x));
    case 4:
      return std::tanh(x);
    case 5:
      return std::min(std::max(x, 0.0), 6.0);
    default:
      return x;
  }
}

// Calls visit(n, i, j, a, b, h, w, g) for every output pixel and tap that meets the image, group by group.
template <class Visit>
void meet(const Case& c, const Visit& visit) {
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

struct Operands {
  Tensor x, filter, bias, residual, scale, y;
  explicit Operands(const Case& c)
      : x({c.images, c.h, c.w, c.channels}, {true, c.gap}),
        filter({c.kernelH, c.kernelW, c.channels / c.groups, c.filters}, {false, c.gap / 2}),
        bias(c.bias ? Tensor({c.filters}, {false}) : Tensor()),
        residual(c.residual ? Tensor({c.images, c.oh(), c.ow(), c.filters}, {true, c.gap + 1}) : Tensor()),
        scale(c.scale ? Tensor({c.filters}, {false}) : Tensor()),
        y({c.images, c.oh(), c.ow(), c.filters}, {true, c.gap * 2}) {
    x.randomize(1, c.live());
    filter.randomize(2, 1);
    filter.desc.constant = c.constant;
    if (c.bias) bias.randomize(3, 1);
    if (c.residual) residual.randomize(4, c.live());
    if (c.scale) scale.randomize(6, 1);
    scale.desc.constant = c.constant;
  }
};

// Sums of products of values in [-1, 1): each addition may err by half an ulp of a partial sum, which stays below the
// number of terms; in a random walk far below. sqrt(length) * 4 bounds the partial sums well (8 standard deviations).
double tolerance(double terms) { return kEpsilon * (terms + 4) * std::max(1.0, std::sqrt(terms)) * 0.5; }

// The tile of a Winograd kernel, "..._winograd_f4x3__avx2": 4 or 2; 0 for any other.
int winogradEdge(const std::string& kernel) {
  const size_t at = kernel.find("_winograd_f");
  return at == std::string::npos ? 0 : kernel[at + 11] - '0';
}

void checkForward(const Case& c, int algorithm) {
  Operands t(c);
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
    expected = activate(expected, c.activation);
    if (!near(t.y.element(at), expected, bound)) {
      INFO("element ", at, " expected ", expected, " got ", t.y.element(at));
      REQUIRE(near(t.y.element(at), expected, bound));
    }
  }
}

void checkBackwardInput(const Case& c, int algorithm) {
  Operands t(c);
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

void checkBackwardFilter(const Case& c, int algorithm) {
  Operands t(c);
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

// The gradients know no scale.
void checkScaled(Case c) {
  c.scale = true;
  for (int algorithm : {0, 1}) {
    for (bool constant : {false, true}) {
      c.constant = constant;
      checkForward(c, algorithm);
    }
  }
}

void checkAll(Case c) {
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

}  // namespace

TEST_CASE("conv2d: filters and pixels around every tile edge") {
  for (int64_t filters : {1, 2, 3, 4, 5, 7, 8, 9, 11, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40}) {
    for (int64_t width : {3, 4, 7, 15}) checkAll({.h = 5, .w = width, .channels = 5, .filters = filters});
  }
}

TEST_CASE("conv2d: input channels from one up") {
  for (int64_t channels : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 25}) {
    checkAll({.images = 2, .channels = channels, .filters = 6, .top = 1, .bottom = 1, .left = 1, .right = 1});
  }
}

TEST_CASE("conv2d: strides, rectangular kernels, asymmetric pads, dilation") {
  for (int64_t strideH : {1, 2, 3}) {
    for (int64_t strideW : {1, 2, 4}) {
      for (int64_t kernelH : {1, 2, 3}) {
        for (int64_t kernelW : {1, 5}) {
          Case c{.images = 2,
                 .h = 9,
                 .w = 11,
                 .channels = 3,
                 .filters = 9,
                 .kernelH = kernelH,
                 .kernelW = kernelW,
                 .strideH = strideH,
                 .strideW = strideW};
          checkAll(c);
          c.top = 2;
          c.right = 3;
          c.residual = true;
          checkAll(c);
          c.dilationH = 2;
          c.dilationW = 2;
          c.bottom = 1;
          checkAll(c);
        }
      }
    }
  }
  // Pads beyond the kernel, stride beyond the image, a kernel that only fits into the padding.
  checkAll({.h = 3, .w = 2, .kernelH = 2, .kernelW = 2, .top = 5, .bottom = 4, .left = 3, .right = 6});
  checkAll({.h = 3, .w = 4, .strideH = 7, .strideW = 9});
  checkAll({.h = 3, .w = 4, .kernelH = 1, .strideH = 7, .top = 2, .bottom = 2});  // no tap ever meets the image
  checkAll({.h = 1, .w = 1, .kernelH = 5, .kernelW = 5, .top = 2, .bottom = 2, .left = 2, .right = 2});
}

TEST_CASE("conv2d: groups and depthwise with multipliers") {
  for (int64_t groups : {2, 3, 4, 8, 12, 17, 24}) {
    for (int64_t inputs : {1, 2, 5}) {
      for (int64_t perGroup : {1, 2, 3, 9}) {
        Case c{.images = 2,
               .h = 6,
               .w = 5,
               .channels = groups * inputs,
               .filters = groups * perGroup,
               .top = 1,
               .right = 1,
               .groups = groups};
        c.residual = perGroup == 2;
        c.activation = perGroup == 3 ? 1 : 0;
        checkAll(c);
        c.strideH = 2;
        c.dilationW = 2;
        c.gap = 3;
        checkAll(c);
      }
    }
  }
}

TEST_CASE("conv2d: few channels, lanes over pixels and over images") {
  // Blocks of images whole, with idle lanes, and with a rest whose lanes are pixels.
  for (int64_t images : {1, 3, 4, 7, 8, 9, 14, 17}) {
    for (int64_t filters = 1; filters <= 13; ++filters) {
      checkAll({.images = images,
                .h = 6,
                .w = 5 + filters,
                .channels = 1 + filters % 4,
                .filters = filters,
                .kernelW = 5,
                .top = 1,
                .left = 2,
                .right = 1});
    }
  }
  for (int64_t images : {2, 11}) {
    for (int64_t stride : {1, 2, 3}) {
      for (int64_t dilation : {1, 2}) {
        Case c{.images = images,
               .h = 13,
               .w = 19,
               .channels = 3,
               .filters = 5,
               .kernelW = 4,
               .strideH = 3 - stride % 2,
               .strideW = stride,
               .top = 2,
               .bottom = 1,
               .left = 3,
               .dilationH = 3 - dilation,
               .dilationW = dilation,
               .rows = images - 1};
        checkAll(c);
        c.gap = 2;
        c.residual = true;
        c.activation = 1 + static_cast<int>(stride);
        checkAll(c);
        c.gap = 0;
        c.filters = 10;
        checkAll(c);
        c.channels = 12;
        c.activation = 1;
        c.residual = false;
        checkAll(c);
      }
    }
  }
  // Bands of rows, blocks of images, chunks of a sum.
  checkAll({.images = 3, .h = 70, .w = 61, .channels = 5, .filters = 11, .kernelH = 5, .kernelW = 5, .top = 2});
  checkAll({.images = 19, .h = 33, .w = 30, .channels = 6, .filters = 9, .left = 1, .rows = 18});
  checkAll({.images = 8, .h = 12, .w = 300, .channels = 20, .filters = 7, .strideW = 2, .rows = 6});
  checkAll({.images = 600, .h = 3, .w = 4, .channels = 2, .filters = 3, .rows = 571});
}

TEST_CASE("conv2d: depthwise windows of 3 and 5, every width of a tile and its rests, strides 1 and 2") {
  for (int64_t kernel : {3, 5}) {
    for (int64_t stride : {1, 2}) {
      for (int64_t width : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31}) {
        for (int64_t channels : {2, 7, 8, 20}) {
          Case c{.images = 2,
                 .h = width % 4 + 4,
                 .w = width,
                 .channels = channels,
                 .filters = channels,
                 .kernelH = kernel,
                 .kernelW = kernel,
                 .strideH = stride,
                 .strideW = stride,
                 .top = kernel / 2,
                 .bottom = kernel / 2,
                 .left = kernel / 2,
                 .right = kernel / 2,
                 .groups = channels};
          c.gap = width % 3;
          c.activation = static_cast<int>(width % 6);
          c.residual = width % 2 == 1;
          c.scale = width % 3 == 1;
          checkAll(c);
          // Pads beyond the kernel, on one side; rows that no task may touch.
          c.left = 6;
          c.right = 0;
          c.top = 0;
          c.bottom = 5;
          c.rows = 1;
          if (c.ow() > 0) checkAll(c);
        }
      }
    }
  }
  for (int64_t stride : {1, 2}) {  // many tasks
    checkAll({.images = 3,
              .h = 33,
              .w = 37,
              .channels = 40,
              .filters = 40,
              .strideH = stride,
              .strideW = stride,
              .top = 1,
              .bottom = 1,
              .left = 1,
              .right = 1,
              .groups = 40,
              .rows = 2});
  }
}

TEST_CASE("conv2d: 1x1, with and without strides") {
  for (int64_t channels : {1, 16, 33}) {
    for (int64_t filters : {1, 10, 48}) {
      checkAll({.images = 3, .h = 5, .w = 7, .channels = channels, .filters = filters, .kernelH = 1, .kernelW = 1});
      checkAll({.images = 3,
                .h = 5,
                .w = 7,
                .channels = channels,
                .filters = filters,
                .kernelH = 1,
                .kernelW = 1,
                .strideH = 2,
                .strideW = 2});
      checkAll(
          {.h = 4, .w = 4, .channels = channels, .filters = filters, .kernelH = 1, .kernelW = 1, .top = 1, .left = 1});
    }
  }
}

TEST_CASE("conv2d: a scale per filter, every algorithm") {
  for (int64_t filters : {1, 3, 8, 9, 16, 21, 33}) {
    checkScaled({.channels = 2, .filters = filters, .top = 1, .left = 1});                           // smallChannel
    checkScaled({.channels = 17, .filters = filters, .gap = 3, .residual = true, .activation = 1});  // implicitGemm
    checkScaled({.images = 2, .channels = 9, .filters = filters, .kernelH = 1, .kernelW = 1, .rows = 1});  // pointwise
    checkScaled({.channels = filters + 1, .filters = filters + 1, .groups = filters + 1, .residual = true});
    checkScaled({.channels = 5, .filters = 10, .groups = 5, .activation = 2});
  }
  checkScaled({.channels = 6, .filters = 8, .groups = 2, .gap = 1});
}

TEST_CASE("conv2d: what exceeds the budget is packed in the run, to the same bits") {
  for (const Case& c : {Case{.channels = 17, .filters = 21, .constant = true, .scale = true},
                        Case{.channels = 3, .filters = 9, .constant = true},
                        Case{.channels = 9, .filters = 9, .groups = 9, .constant = true, .scale = true},
                        Case{.channels = 8, .filters = 9, .kernelH = 1, .kernelW = 1, .constant = true}}) {
    INFO(c.text());
    std::vector<double> attributes = c.window();
    for (double v : {0.0, 0.1, 0.0, 0.0}) attributes.push_back(v);
    Operands kept(c), within(c);
    const auto run = [&](Operands& t, uint64_t budget) {
      return runOp("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&t.y}, attributes,
                   {.capacity = 1, .rows = 1, .packedBudget = budget})
          .ok();
    };
    CHECK(run(kept, UINT64_MAX));
    CHECK(run(within, 64));
    CHECK(kept.y.bytes() == within.y.bytes());
  }
}

TEST_CASE("conv2d: every epilogue, channel slices, fewer rows than capacity") {
  for (int activation : {0, 1, 2, 3, 4, 5}) {
    for (int64_t filters : {6, 16, 21}) {
      for (bool residual : {false, true}) {
        checkAll({.images = 3,
                  .channels = 4,
                  .filters = filters,
                  .rows = 2,
                  .gap = 5,
                  .bias = residual,
                  .residual = residual,
                  .activation = activation});
      }
    }
  }
  checkAll({.images = 7, .channels = 2, .filters = 3, .kernelH = 5, .kernelW = 5, .groups = 1, .rows = 1, .gap = 1});
}

TEST_CASE("conv2d: large enough for several tasks, blocks and chunks") {
  checkAll({.images = 4,
            .h = 33,
            .w = 29,
            .channels = 24,
            .filters = 40,
            .top = 1,
            .bottom = 1,
            .left = 1,
            .right = 1,
            .rows = 3});
  checkAll({.images = 2,
            .h = 40,
            .w = 40,
            .channels = 3,
            .filters = 20,
            .kernelH = 7,
            .kernelW = 7,
            .strideH = 2,
            .strideW = 2,
            .top = 3,
            .bottom = 3,
            .left = 3,
            .right = 3});
  checkAll({.images = 2,
            .h = 31,
            .w = 37,
            .channels = 40,
            .filters = 40,
            .strideH = 2,
            .strideW = 2,
            .top = 1,
            .left = 1,
            .groups = 40});
  checkAll(
      {.images = 3, .h = 60, .w = 61, .channels = 40, .filters = 40, .top = 1, .bottom = 1, .groups = 40, .rows = 2});
  checkAll({.images = 2, .h = 50, .w = 50, .channels = 20, .filters = 60, .left = 1, .groups = 20});
  // Sums of more than one pass: beyond 4096 terms, by taps and by channels.
  checkAll({.h = 4, .w = 5, .channels = 700, .filters = 18});
  checkAll(
      {.h = 2, .w = 7, .channels = 4500, .filters = 9, .kernelH = 1, .kernelW = 2, .residual = true, .activation = 1});
  checkAll({.h = 30, .w = 30, .channels = 1, .filters = 2, .kernelH = 25, .kernelW = 24});
}

TEST_CASE("conv2d: im2col in several chunks of images") {
  // 7 million floats of columns per image: two images fit the 64 MiB of one chunk.
  const Case c{.images = 3,
               .h = 68,
               .w = 68,
               .channels = 64,
               .filters = 1,
               .kernelH = 5,
               .kernelW = 5,
               .top = 2,
               .bottom = 2,
               .left = 2,
               .right = 2};
  checkForward(c, 1);
  checkBackwardInput(c, 1);
  checkBackwardFilter(c, 1);
}

TEST_CASE("conv2d: NaN and infinities come through") {
  Case c{.channels = 4, .filters = 16, .bias = false};
  Operands t(c);
  t.x.image(0, 2, 2, 1) = std::nanf("");
  std::vector<double> attributes = c.window();
  for (double v : {1.0, 0.0, 0.0, 0.0}) attributes.push_back(v);
  REQUIRE(runOp("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&t.y}, attributes, {1, 1}).ok());
  for (int64_t i = 0; i < c.oh() * c.ow() * c.filters; ++i) {
    const int64_t column = i / c.filters % c.ow(), row = i / c.filters / c.ow();
    CHECK(std::isnan(t.y.element(i)) == (row <= 2 && column <= 2));
  }
}

TEST_CASE("conv2d: the algorithm that each shape gets") {
  const auto algorithms = [](const Case& c, int algorithm) {
    Operands t(c);
    Tensor dx({c.images, c.h, c.w, c.channels}),
        dfilter({c.kernelH, c.kernelW, c.channels / c.groups, c.filters}, {false});
    std::vector<double> backward = c.window();
    for (double v : {static_cast<double>(algorithm), 0.0}) backward.push_back(v);
    std::vector<double> forward = c.window();
    for (double v : {0.0, 0.0, static_cast<double>(algorithm), 0.0}) forward.push_back(v);
    const std::string kernels[] = {
        kernelOf("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&t.y}, forward, c.images),
        kernelOf("conv2d.backwardInput", {&t.y, &t.filter}, {&dx}, backward, c.images),
        kernelOf("conv2d.backwardFilter", {&t.x, &t.y}, {&dfilter}, backward, c.images)};
    std::string names;
    for (const std::string& kernel : kernels) {
      const size_t begin = kernel.find("_f32_") + 5;
      names += kernel.substr(begin, kernel.find('_', begin) - begin) + " ";
    }
    return names;
  };
  CHECK(algorithms({.channels = 3, .filters = 24}, 0) == "rows lanes rows ");
  CHECK(algorithms({.channels = 3, .filters = 24, .left = 1}, 0) == "rows lanes rows ");
  CHECK(algorithms({.channels = 3, .filters = 24, .dilationW = 2}, 0) == "igemm lanes igemm ");
  CHECK(algorithms({.channels = 3, .left = 100, .right = 100}, 0) == "igemm igemm igemm ");
  CHECK(algorithms({.channels = 3, .filters = 24, .strideW = 2}, 0) == "rows igemm rows ");
  CHECK(algorithms({.channels = 15, .filters = 24}, 0) == "rows igemm rows ");
  CHECK(algorithms({.channels = 15, .filters = 24, .left = 1}, 0) == "igemm igemm igemm ");
  CHECK(algorithms({.channels = 16, .filters = 24}, 0) == "igemm igemm igemm ");
  // One image: lanes are pixels, and the gradient of the filter has none. As many images as lanes: they are images.
  CHECK(algorithms({.w = 10, .channels = 3, .filters = 6}, 0) == "lanes lanes rows ");
  CHECK(algorithms({.w = 6, .channels = 3, .filters = 6, .kernelW = 5}, 0) == "rows lanes rows ");
  CHECK(algorithms({.images = 8, .w = 6, .channels = 3, .filters = 6, .kernelW = 5}, 0) == "lanes lanes lanes ");
  CHECK(algorithms({.images = 8, .channels = 3, .filters = 6, .groups = 3}, 0) == "depthwise depthwise depthwise ");
  CHECK(algorithms({.images = 8, .channels = 3, .filters = 16}, 0) == "rows lanes rows ");
  // Padding wider than the kernel's reach leaves no correlation with the turned filter.
  CHECK(algorithms({.images = 8, .channels = 3, .filters = 6, .left = 3}, 0) == "lanes igemm lanes ");
  CHECK(algorithms({.channels = 16, .groups = 2}, 0) == "igemm igemm igemm ");
  CHECK(algorithms({.channels = 4, .groups = 4}, 0) == "depthwise depthwise depthwise ");
  CHECK(algorithms({.channels = 4, .kernelH = 1, .kernelW = 1}, 0) == "pointwise pointwise pointwise ");
  CHECK(algorithms({.channels = 4, .filters = 24, .kernelH = 1, .kernelW = 1, .strideH = 2}, 0) ==
        "igemm igemm igemm ");
  // A stride of patches: 20 x 20 phases are too many for the search, and col2im is no worse.
  CHECK(algorithms({.h = 40, .w = 40, .channels = 16, .kernelH = 20, .kernelW = 20, .strideH = 20, .strideW = 20}, 0) ==
        "igemm im2col igemm ");
  CHECK(algorithms({.channels = 3}, 1) == "im2col im2col im2col ");
}

TEST_CASE("conv2d: patches, where every tap is a phase of its own") {
  checkAll({.images = 2,
            .h = 40,
            .w = 41,
            .channels = 2,
            .filters = 5,
            .kernelH = 20,
            .kernelW = 20,
            .strideH = 20,
            .strideW = 20,
            .top = 1,
            .bottom = 3});
  checkAll({.h = 34,
            .w = 17,
            .channels = 6,
            .filters = 6,
            .kernelH = 17,
            .kernelW = 17,
            .strideH = 17,
            .strideW = 17,
            .groups = 6});
}

TEST_CASE("conv2d: what verify refuses") {
  const Case c{};
  Operands t(c);
  std::vector<double> attributes = c.window();
  for (double v : {0.0, 0.0, 0.0, 0.0}) attributes.push_back(v);
  const auto refused = [&](size_t index, double value) {
    std::vector<double> changed = attributes;
    changed[index] = value;
    return refusal("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&t.y}, changed);
  };
  CHECK(refusal("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&t.y}, attributes) == "");
  CHECK(refused(0, 0) == "conv2d: strideH must be an integer from 1 to 2147483647, got 0");
  CHECK(refused(0, 1.5) == "conv2d: strideH must be an integer from 1 to 2147483647, got 1.5");
  CHECK(refused(2, -1) == "conv2d: padTop must be an integer from 0 to 2147483647, got -1");
  CHECK(refused(7, 3).rfind("conv2d: floor((size + pads - dilatedKernel) / stride) + 1 must give the output size, got "
                            "input 5x6, kernel 3x3, "
                            "dilation 1x3, stride 1x1, pads 0,0,0,0, output 3x4",
                            0) == 0);
  CHECK(refused(8, 2) ==
        "conv2d: filter must have channels / groups input channels, got [3,3,3,4] with 3 channels in 2 groups");
  CHECK(refused(9, 6) == "conv2d: activation must be an integer from 0 to 5, got 6");
  CHECK(refused(11, 3) == "conv2d: algorithm must be an integer from 0 to 2, got 3");
  Tensor wide({1, 3, 4, 5});
  CHECK(refusal("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&wide}, attributes) ==
        "conv2d: y must have as many channels as there are filters, a multiple of the groups, got [1,3,4,5] batched "
        "with [3,3,3,4] in 1 groups");
  Tensor image({1, 1100, 1100, 1}), kernel({1100, 1100, 1, 1}, {false}), dot({1, 1, 1, 1}), none;
  std::vector<double> whole = attributes;
  CHECK(refusal("conv2d", {&image, &kernel, &none, &none, &none}, {&dot}, whole) ==
        "conv2d: filter must have at most 1048576 taps, got [1100,1100,1,1]");
  Tensor many({2, 3, 4, 4});
  CHECK(
      refusal("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&many}, attributes) ==
      "conv2d: x and y must have the same images and filter none, got [1,5,6,3] batched, [2,3,4,4] batched, [3,3,3,4]");
  CHECK(refusal("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.y}, {&t.y}, attributes) ==
        "conv2d: scale must be [4], got [1,3,4,4] batched");
  CHECK(refusal("conv2d", {&t.x, &t.filter, &t.y, &t.residual, &t.scale}, {&t.y}, attributes) ==
        "conv2d: bias must be [4], got [1,3,4,4] batched");
  CHECK(refusal("conv2d", {&t.x, &t.filter, &t.bias, &t.x, &none}, {&t.y}, attributes) ==
        "conv2d: residual must have the shape of y [1,3,4,4] batched, got [1,5,6,3] batched");
}

}  // namespace striate::test
