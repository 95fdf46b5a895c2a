#include <doctest/doctest.h>

#include <cmath>

#include "test/pool_window.h"

namespace striate::test {
namespace {

std::vector<double> attributesOf(const Window& window, bool countIncludePad) {
  std::vector<double> attributes = window.attributes();
  attributes.push_back(countIncludePad ? 1 : 0);
  return attributes;
}

double areaOf(const Window& window, int64_t oh, int64_t ow, bool countIncludePad) {
  const Window::Place clipped = window.clipped(oh, ow), whole = window.at(oh, ow);
  if (!countIncludePad) return static_cast<double>((clipped.bottom - clipped.top) * (clipped.right - clipped.left));
  const int64_t bottom = std::min(whole.bottom, window.height + window.bottom);
  const int64_t right = std::min(whole.right, window.width + window.right);
  return static_cast<double>((bottom - whole.top) * (right - whole.left));
}

void check(const Window& window, int64_t channels, int64_t gap, int64_t capacity, int64_t rows, bool countIncludePad) {
  const TensorOptions options{.gap = gap};
  Tensor x({capacity, window.height, window.width, channels}, options), dx = x;
  Tensor y({capacity, window.outHeight(), window.outWidth(), channels}, options), dy = y;
  x.randomize(1, rows);
  dy.randomize(2, rows);
  const RunOptions run{.capacity = capacity, .rows = rows};
  CHECK(runOp("avgPool2d", {&x}, {&y}, attributesOf(window, countIncludePad), run).ok());
  CHECK(runOp("avgPool2d.backward", {&dy}, {&dx}, attributesOf(window, countIncludePad), run).ok());
  std::vector<double> gradient(static_cast<size_t>(dx.liveElements(rows))), magnitudes = gradient, terms = gradient;
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t oh = 0; oh < window.outHeight(); ++oh) {
      for (int64_t ow = 0; ow < window.outWidth(); ++ow) {
        const Window::Place place = window.clipped(oh, ow);
        const double area = areaOf(window, oh, ow, countIncludePad);
        for (int64_t c = 0; c < channels; ++c) {
          double sum = 0, magnitude = 0, count = 0;
          for (int64_t h = place.top; h < place.bottom; ++h) {
            for (int64_t w = place.left; w < place.right; ++w) {
              sum += x.image(n, h, w, c);
              magnitude += std::abs(x.image(n, h, w, c));
              count += 1;
              const auto i = static_cast<size_t>(((n * window.height + h) * window.width + w) * channels + c);
              gradient[i] += dy.image(n, oh, ow, c) / area;
              magnitudes[i] += std::abs(dy.image(n, oh, ow, c) / area);
              terms[i] += 1;
            }
          }
          REQUIRE_EACH(
              near(y.image(n, oh, ow, c), sum / area, kEpsilon * (count * magnitude / area + std::abs(sum / area))));
        }
      }
    }
  }
  for (int64_t i = 0; i < dx.liveElements(rows); ++i) {
    const auto k = static_cast<size_t>(i);
    REQUIRE_EACH(near(dx.element(i), gradient[k], kEpsilon * (terms[k] + 2) * magnitudes[k]));
  }
}

TEST_CASE("avgPool2d: every window, both divisors, any number of channels, strided") {
  for (size_t i = 0; i < testWindows().size(); ++i) {
    CAPTURE(i);
    for (const int64_t channels : kChannelCounts) {
      for (const bool countIncludePad : {false, true}) {
        CAPTURE(channels);
        CAPTURE(countIncludePad);
        check(testWindows()[i], channels, 0, 3, 2, countIncludePad);
        check(testWindows()[i], channels, 5, 3, 2, countIncludePad);
      }
    }
  }
}

TEST_CASE("avgPool2d: large enough to be split, windows and whole images") {
  check({28, 29, 3, 3, 2, 2, 1, 1, 1, 1}, 67, 0, 20, 19, true);
  check({7, 7, 7, 7, 1, 1, 0, 0, 0, 0}, 515, 0, 33, 31, true);    // by images
  check({31, 29, 31, 29, 1, 1, 0, 0, 0, 0}, 515, 0, 2, 1, true);  // by channels
  check({61, 59, 61, 59, 1, 1, 0, 0, 0, 0}, 3, 0, 33, 31, true);  // wide pixels
  // One pixel more than whole wide pixels: 64 of one channel, 16 of more.
  for (const int64_t channels : {1, 2, 3, 5, 33}) {
    check({5, 13, 5, 13, 1, 1, 0, 0, 0, 0}, channels, 0, 3, 2, true);
    check({17, 1, 17, 1, 1, 1, 0, 0, 0, 0}, channels, 0, 3, 2, true);
  }
}

TEST_CASE("avgPool2d: the algorithm is the expected one") {
  Tensor x({2, 4, 6, 3}), y({2, 2, 3, 3}), one({2, 1, 1, 3});
  CHECK(kernelOf("avgPool2d", {&x}, {&y}, {2, 2, 2, 2, 0, 0, 0, 0, 1}).starts_with("avgPool2d_fwd_f32__"));
  CHECK(kernelOf("avgPool2d", {&x}, {&one}, {4, 6, 1, 1, 0, 0, 0, 0, 1}).starts_with("avgPool2d_fwd_f32_global__"));
  CHECK(kernelOf("avgPool2d", {&x}, {&one}, {4, 5, 1, 2, 0, 0, 0, 0, 1}).starts_with("avgPool2d_fwd_f32__"));
}

TEST_CASE("avgPool2d: refusals") {
  Tensor x({2, 4, 6, 3}), y({2, 2, 3, 3}), bad({2, 3, 3, 3});
  CHECK(refusal("avgPool2d", {&x}, {&y}, {2, 2, 2, 2, 0, 0, 0, 0, 2}) ==
        "avgPool2d: countIncludePad must be an integer from 0 to 1, got 2");
  CHECK(refusal("avgPool2d", {&x}, {&bad}, {2, 2, 2, 2, 0, 0, 0, 0, 1}) ==
        "avgPool2d: the number of windows along the height must be (size 4 + padding 0 + 0 - kernel 2) / stride 2 + 1, "
        "got 3");
  CHECK(refusal("avgPool2d.backward", {&bad}, {&x}, {2, 2, 2, 2, 0, 0, 0, 0, 1}) ==
        "avgPool2d.backward: the number of windows along the height must be (size 4 + padding 0 + 0 - kernel 2) / "
        "stride 2 + 1, "
        "got 3");
  CHECK(refusal("avgPool2d.backward", {&y}, {&x}, {2, 2, 2, 2, 0, 0, 0, 0, -1}) ==
        "avgPool2d.backward: countIncludePad must be an integer from 0 to 1, got -1");
}

}  // namespace
}  // namespace striate::test
