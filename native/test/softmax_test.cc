#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

void checkSoftmax(Tensor& x, Tensor& y, int64_t capacity, int64_t rows) {
  const int64_t channels = x.desc.channels();
  CHECK(runOp("softmax", {&x}, {&y}, {}, {.capacity = capacity, .rows = rows}).ok());
  for (int64_t p = 0; p < x.desc.livePixels(rows); ++p) {
    double maximum = x.at(p, 0), total = 0;
    for (int64_t c = 0; c < channels; ++c) maximum = std::max(maximum, double(x.at(p, c)));
    for (int64_t c = 0; c < channels; ++c) total += std::exp(x.at(p, c) - maximum);
    for (int64_t c = 0; c < channels; ++c) {
      const double expected = std::exp(x.at(p, c) - maximum) / total;
      // exp turns the rounding of its argument into a relative error; the sum has as many terms as there are channels.
      const double relative = kEpsilon * (6 + 2 * (maximum - x.at(p, c)) + static_cast<double>(channels));
      REQUIRE_EACH(near(y.at(p, c), expected, relative * expected + 1e-37));
    }
  }
}

TEST_CASE("softmax: any number of channels, strided, in place, far from 0") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      for (const float base : {0.0f, 1000.0f, -1000.0f}) {
        CAPTURE(channels);
        CAPTURE(base);
        Tensor x({4, 3, channels}, {.gap = gap}), y = x;
        x.randomize(1, 3);
        for (int64_t i = 0; i < x.liveElements(3); ++i) x.element(i) = x.element(i) * 20 + base;
        checkSoftmax(x, y, 4, 3);
      }
    }
  }
  Tensor x({999, 1000}), y = x;
  x.randomize(2, 998);
  checkSoftmax(x, y, 999, 998);
}

TEST_CASE("softmax: NaN and infinities") {
  Tensor x({4, 5}), y = x;
  x.randomize(1, 4);
  x.at(0, 2) = kNan;
  x.at(1, 4) = kNan;
  x.at(2, 1) = -kInfinity;
  for (int64_t c = 0; c < 5; ++c) x.at(3, c) = -kInfinity;
  CHECK(runOp("softmax", {&x}, {&y}, {}, {.capacity = 4, .rows = 4}).ok());
  for (int64_t c = 0; c < 5; ++c) {
    CHECK(std::isnan(y.at(0, c)));
    CHECK(std::isnan(y.at(1, c)));
    CHECK(std::isnan(y.at(3, c)));
  }
  CHECK(y.at(2, 1) == 0);
  CHECK(near(y.at(2, 0) + y.at(2, 2) + y.at(2, 3) + y.at(2, 4), 1, 8 * kEpsilon));
}

TEST_CASE("softmax.backward: any number of channels, strided") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      CAPTURE(channels);
      Tensor y({4, 3, channels}, {.gap = gap}), dy = y, dx = y;
      y.randomize(1, 3);
      dy.randomize(2, 3);
      CHECK(runOp("softmax.backward", {&y, &dy}, {&dx}, {}, {.capacity = 4, .rows = 3}).ok());
      for (int64_t p = 0; p < 9; ++p) {
        double inner = 0, magnitude = 0;
        for (int64_t c = 0; c < channels; ++c) {
          inner += double(y.at(p, c)) * dy.at(p, c);
          magnitude += std::abs(double(y.at(p, c)) * dy.at(p, c));
        }
        for (int64_t c = 0; c < channels; ++c) {
          const double tolerance = kEpsilon * (static_cast<double>(channels + 1) * magnitude +
                                               2 * (std::abs(dy.at(p, c)) + std::abs(inner)));
          REQUIRE_EACH(near(dx.at(p, c), y.at(p, c) * (dy.at(p, c) - inner), std::abs(y.at(p, c)) * tolerance));
        }
      }
    }
  }
}

TEST_CASE("softmax: refusals") {
  Tensor x({2, 4}), wide({2, 5}), rows({4});
  CHECK(refusal("softmax", {&x}, {&wide}, {}) ==
        "softmax: y must have the shape of x [2,4] batched, got [2,5] batched");
  CHECK(refusal("softmax", {&rows}, {&rows}, {}) == "softmax: x must have channels behind its rows, got [4] batched");
  CHECK(refusal("softmax.backward", {&x, &wide}, {&x}, {}) ==
        "softmax.backward: dy must have the shape of y [2,4] batched, got [2,5] batched");
}

}  // namespace
}  // namespace striate::test
