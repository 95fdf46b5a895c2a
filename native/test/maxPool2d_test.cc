#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "test/pool_window.h"

namespace striate::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Fills y and dx (dy routed to first maxima, in row-major order of the windows) by plain loops.
void naive(const Window& window, Tensor& x, Tensor& dy, int64_t rows, Tensor& y, Tensor& dx) {
  dx.fill(0, rows);
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t oh = 0; oh < window.outHeight(); ++oh) {
      for (int64_t ow = 0; ow < window.outWidth(); ++ow) {
        const Window::Place place = window.clipped(oh, ow);
        for (int64_t c = 0; c < x.desc.channels(); ++c) {
          int64_t bestH = place.top, bestW = place.left;
          for (int64_t h = place.top; h < place.bottom; ++h) {
            for (int64_t w = place.left; w < place.right; ++w) {
              const float value = x.image(n, h, w, c), best = x.image(n, bestH, bestW, c);
              if (!std::isnan(best) && (std::isnan(value) || value > best)) bestH = h, bestW = w;
            }
          }
          y.image(n, oh, ow, c) = x.image(n, bestH, bestW, c);
          dx.image(n, bestH, bestW, c) += dy.image(n, oh, ow, c);
        }
      }
    }
  }
}

std::vector<double> backwardAttributes(const Window& window, int activation) {
  std::vector<double> attributes = window.attributes();
  attributes.insert(attributes.end(), {static_cast<double>(activation), 0.25});
  return attributes;
}

bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void check(const Window& window, int64_t channels, int64_t gap, int64_t capacity, int64_t rows, int steps,
           bool withNan) {
  const TensorOptions options{.gap = gap};
  Tensor x({capacity, window.height, window.width, channels}, options);
  Tensor y({capacity, window.outHeight(), window.outWidth(), channels}, options), dy = y, dx = x, expectedY = y,
                                                                                  expectedDx = x;
  x.randomize(1, rows, steps);
  if (withNan) {
    for (int64_t i = 0; i < x.liveElements(rows); i += 5) x.element(i) = kNan;
    for (int64_t i = 2; i < x.liveElements(rows); i += 3) x.element(i) = -std::numeric_limits<float>::infinity();
  }
  dy.randomize(2, rows, 9);  // integers: their sums are exact in any order
  naive(window, x, dy, rows, expectedY, expectedDx);
  const RunOptions run{.capacity = capacity, .rows = rows};
  CHECK(runOp("maxPool2d", {&x}, {&y}, window.attributes(), run).ok());
  Tensor none;
  CHECK(runOp("maxPool2d.backward", {&x, &dy}, {&dx, &none}, backwardAttributes(window, 0), run).ok());
  for (int64_t i = 0; i < y.liveElements(rows); ++i) REQUIRE_EACH(same(y.element(i), expectedY.element(i)));
  for (int64_t i = 0; i < x.liveElements(rows); ++i) REQUIRE_EACH(dx.element(i) == expectedDx.element(i));
  if (withNan) return;
  // Behind a leaky relu, and with channel sums. Integers and their quarters: exact in any order.
  Tensor sums({channels}, {.batched = false});
  CHECK(runOp("maxPool2d.backward", {&x, &dy}, {&dx, &sums}, backwardAttributes(window, 2), run).ok());
  std::vector<double> expectedSums(static_cast<size_t>(channels));
  for (int64_t i = 0; i < x.liveElements(rows); ++i) {
    const double expected = (x.element(i) <= 0 ? 0.25 : 1) * static_cast<double>(expectedDx.element(i));
    REQUIRE_EACH(static_cast<double>(dx.element(i)) == expected);
    expectedSums[static_cast<size_t>(i % channels)] += expected;
  }
  for (int64_t c = 0; c < channels; ++c) {
    REQUIRE_EACH(static_cast<double>(sums.element(c)) == expectedSums[static_cast<size_t>(c)]);
  }
}

TEST_CASE("maxPool2d: every window, any number of channels, strided, ties") {
  for (size_t i = 0; i < testWindows().size(); ++i) {
    CAPTURE(i);
    for (const int64_t channels : kChannelCounts) {
      CAPTURE(channels);
      check(testWindows()[i], channels, 0, 3, 2, 0, false);
      check(testWindows()[i], channels, 5, 3, 2, 2, false);
    }
  }
}

TEST_CASE("maxPool2d: NaN wins, the first one; -inf is a value") {
  for (size_t i = 0; i < testWindows().size(); ++i) {
    CAPTURE(i);
    for (const int64_t channels : {1, 6, 35}) check(testWindows()[i], channels, 0, 3, 2, 2, true);
  }
}

TEST_CASE("maxPool2d: large enough to be split, by images and by channels") {
  check({28, 28, 3, 3, 2, 2, 1, 1, 1, 1}, 67, 0, 20, 19, 3, false);
  check({56, 56, 3, 3, 2, 2, 1, 1, 1, 1}, 99, 0, 2, 1, 3, false);
}

TEST_CASE("maxPool2d: refusals") {
  Tensor x({2, 4, 6, 3}), y({2, 2, 3, 3}), dx({2, 4, 6, 3}), bad({2, 2, 2, 3}), narrow({2, 2, 3, 2}), flat({2, 24, 3}),
      one({2, 1, 1, 3}), turned({2, 6, 4, 3}), fixed({2, 2, 3, 3}, {.batched = false});
  const auto forward = [&](Tensor& image, Tensor& pooled, std::vector<double> attributes) {
    return refusal("maxPool2d", {&image}, {&pooled}, std::move(attributes));
  };
  CHECK(forward(x, y, {2, 2, 2, 2, 0, 0, 0, 0}) == "");
  CHECK(forward(x, y, {0, 2, 2, 2, 0, 0, 0, 0}) == "maxPool2d: kernelH must be an integer from 1 to 2147483647, got 0");
  CHECK(forward(x, y, {2, 2, 2, 2.5, 0, 0, 0, 0}) ==
        "maxPool2d: strideW must be an integer from 1 to 2147483647, got 2.5");
  CHECK(forward(x, y, {2, 2, 2, 2, 0, 0, -1, 0}) ==
        "maxPool2d: padLeft must be an integer from 0 to 2147483647, got -1");
  CHECK(forward(flat, y, {2, 2, 2, 2, 0, 0, 0, 0}) ==
        "maxPool2d: x and y must be [rows,height,width,channels], got [2,24,3] batched and [2,2,3,3] batched");
  CHECK(forward(x, narrow, {2, 2, 2, 2, 0, 0, 0, 0}) ==
        "maxPool2d: y must have the rows and channels of x [2,4,6,3] batched, got [2,2,3,2] batched");
  CHECK(forward(x, fixed, {2, 2, 2, 2, 0, 0, 0, 0}) ==
        "maxPool2d: y must have the rows and channels of x [2,4,6,3] batched, got [2,2,3,3]");
  CHECK(forward(x, bad, {2, 2, 2, 2, 0, 0, 0, 0}) ==
        "maxPool2d: the number of windows along the width must be (size 6 + padding 0 + 0 - kernel 2) / stride 2 + 1, "
        "got 2");
  CHECK(forward(x, one, {5, 6, 1, 1, 0, 0, 0, 0}) ==
        "maxPool2d: the number of windows along the height must be (size 4 + padding 0 + 0 - kernel 5) / stride 1 + 1, "
        "got 1");
  // The first window would lie in the padding, then the last one.
  Tensor three({2, 4, 3, 3}), image({2, 4, 2, 3});
  CHECK(forward(image, three, {1, 1, 1, 1, 0, 0, 1, 0}) ==
        "maxPool2d: every window must reach into the image, got width 2 with padding 1 + 0, kernel 1, stride 1 and 3 "
        "windows");
  CHECK(forward(image, three, {1, 1, 1, 1, 0, 0, 0, 1}) ==
        "maxPool2d: every window must reach into the image, got width 2 with padding 0 + 1, kernel 1, stride 1 and 3 "
        "windows");
  Tensor none, four({4}, {.batched = false});
  CHECK(refusal("maxPool2d.backward", {&x, &y}, {&dx, &none}, {2, 2, 2, 2, 0, 0, 0, 0, 0, 0}) == "");
  CHECK(refusal("maxPool2d.backward", {&x, &y}, {&dx, &none}, {2, 2, 2, 2, 0, 0, 0, 0, 6, 0}) ==
        "maxPool2d.backward: activation must be an integer from 0 to 5, got 6");
  CHECK(refusal("maxPool2d.backward", {&x, &y}, {&dx, &four}, {2, 2, 2, 2, 0, 0, 0, 0, 0, 0}) ==
        "maxPool2d.backward: sums must be [3], got [4]");
  CHECK(refusal("maxPool2d.backward", {&x, &y}, {&turned, &none}, {2, 2, 2, 2, 0, 0, 0, 0, 0, 0}) ==
        "maxPool2d.backward: the number of windows along the height must be (size 6 + padding 0 + 0 - kernel 2) / "
        "stride 2 + 1, "
        "got 2");
}

}  // namespace
}  // namespace striate::test
