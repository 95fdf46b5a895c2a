#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

TEST_CASE("add: any number of channels, strided, in place of either operand, with an activation") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{5}}) {
      CAPTURE(channels);
      const RunOptions options{.capacity = 4, .rows = 3};
      Tensor a({4, 3, 2, channels}, {.gap = gap}), b({4, 3, 2, channels}, {.gap = 2 * gap, .offset = 3}), y = a;
      a.randomize(1, 3);
      b.randomize(2, 3);
      CHECK(runOp("add", {&a, &b}, {&y}, {1, 0}, options).ok());
      for (int64_t i = 0; i < a.liveElements(3); ++i)
        REQUIRE_EACH(y.element(i) == std::max(0.0f, a.element(i) + b.element(i)));
      Tensor overA = a, overB = b;
      CHECK(runOp("add", {&overA, &b}, {&overA}, {1, 0}, options).ok());
      CHECK(runOp("add", {&a, &overB}, {&overB}, {1, 0}, options).ok());
      for (int64_t i = 0; i < a.liveElements(3); ++i) {
        REQUIRE_EACH(overA.element(i) == y.element(i));
        REQUIRE_EACH(overB.element(i) == y.element(i));
      }
      Tensor twice = a;
      CHECK(runOp("add", {&twice, &twice}, {&twice}, {0, 0}, options).ok());
      for (int64_t i = 0; i < a.liveElements(3); ++i) REQUIRE_EACH(twice.element(i) == a.element(i) + a.element(i));
    }
  }
}

TEST_CASE("copy: strides, reshapes of strided tensors, other dtypes, in place") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{4}}) {
      CAPTURE(channels);
      Tensor x({5, 6, channels}, {.gap = gap}), y({5, 6, channels}, {.gap = 7}), flat({5, 6 * channels}, {.gap = 3}),
          rows({30 * channels / 5});
      x.randomize(3, 4);
      CHECK(runOp("copy", {&x}, {&y}, {}, {.capacity = 5, .rows = 4}).ok());
      CHECK(runOp("copy", {&x}, {&flat}, {}, {.capacity = 5, .rows = 4}).ok());
      for (int64_t i = 0; i < x.liveElements(4); ++i) {
        REQUIRE_EACH(y.element(i) == x.element(i));
        REQUIRE_EACH(flat.element(i) == x.element(i));
      }
      CHECK(runOp("copy", {&flat}, {&flat}, {}, {.capacity = 5, .rows = 4}).ok());
    }
  }
  Tensor labels({7}, {.dtype = Dtype::i32}), column({7, 1}, {.gap = 2, .dtype = Dtype::i32});
  for (int i = 0; i < 7; ++i) labels.at<int32_t>(0, i) = 100 - i;
  CHECK(runOp("copy", {&labels}, {&column}, {}, {.capacity = 7, .rows = 5}).ok());
  for (int i = 0; i < 5; ++i) CHECK(column.at<int32_t>(i, 0) == 100 - i);
  Tensor pixels({3, 5}, {.dtype = Dtype::u8}), wide({3, 5}, {.gap = 2, .dtype = Dtype::u8});
  for (int i = 0; i < 15; ++i) pixels.at<uint8_t>(i / 5, i % 5) = static_cast<uint8_t>(i * 17);
  CHECK(runOp("copy", {&pixels}, {&wide}, {}, {.capacity = 3, .rows = 3}).ok());
  for (int i = 0; i < 15; ++i) CHECK(wide.at<uint8_t>(i / 5, i % 5) == i * 17);
}

TEST_CASE("copy: large enough to be split, cutting pixels apart") {
  Tensor x({137, 61, 67}, {.gap = 5}), y({137, 61 * 67}, {.gap = 1});
  x.randomize(4, 136);
  CHECK(runOp("copy", {&x}, {&y}, {}, {.capacity = 137, .rows = 136}).ok());
  for (int64_t i = 0; i < x.liveElements(136); ++i) REQUIRE_EACH(y.element(i) == x.element(i));
}

TEST_CASE("fill and rescale") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      CAPTURE(channels);
      Tensor y({3, 5, channels}, {.gap = gap}), x = y, bytes({3, 5, channels}, {.gap = gap, .dtype = Dtype::u8});
      CHECK(runOp("fill", {}, {&y}, {0.3}, {.capacity = 3, .rows = 2}).ok());
      for (int64_t i = 0; i < y.liveElements(2); ++i) REQUIRE_EACH(y.element(i) == 0.3f);
      x.randomize(5, 2);
      CHECK(runOp("rescale", {&x}, {&y}, {2.5, -0.25}, {.capacity = 3, .rows = 2}).ok());
      for (int64_t i = 0; i < y.liveElements(2); ++i)
        REQUIRE_EACH(near(y.element(i), x.element(i) * 2.5 - 0.25, 3 * kEpsilon));
      for (int64_t p = 0; p < 10; ++p) {
        for (int64_t c = 0; c < channels; ++c) bytes.at<uint8_t>(p, c) = static_cast<uint8_t>(p * 29 + c * 7);
      }
      CHECK(runOp("rescale", {&bytes}, {&y}, {1.0 / 255, -0.5}, {.capacity = 3, .rows = 2}).ok());
      for (int64_t p = 0; p < 10; ++p) {
        for (int64_t c = 0; c < channels; ++c) {
          REQUIRE_EACH(near(y.at(p, c), bytes.at<uint8_t>(p, c) / 255.0 - 0.5, 3 * kEpsilon));
        }
      }
    }
  }
}

void checkChannelSum(Tensor& x, int64_t capacity, int64_t rows) {
  const int64_t channels = x.desc.channels(), pixels = x.desc.livePixels(rows);
  Tensor y({channels}, {.batched = false});
  CHECK(runOp("channelSum", {&x}, {&y}, {}, {.capacity = capacity, .rows = rows}).ok());
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0, magnitude = 0;
    for (int64_t p = 0; p < pixels; ++p) {
      sum += x.at(p, c);
      magnitude += std::abs(x.at(p, c));
    }
    CAPTURE(c);
    REQUIRE_EACH(near(y.element(c), sum, kEpsilon * (static_cast<double>(pixels) * magnitude + std::abs(sum))));
  }
}

TEST_CASE("channelSum: few and many channels, pixels that leave a rest, strided, several chunks") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      for (const int64_t pixels : {1, 3, 16, 21, 130}) {
        CAPTURE(channels);
        CAPTURE(gap);
        CAPTURE(pixels);
        Tensor x({3, pixels, channels}, {.gap = gap});
        x.randomize(6, 2);
        checkChannelSum(x, 3, 2);
      }
    }
  }
  for (const int64_t channels : {1, 3, 20, 300, 5000}) {
    CAPTURE(channels);
    Tensor x({400'000 / channels, 3, channels});
    x.randomize(7, 400'000 / channels - 7);
    checkChannelSum(x, 400'000 / channels, 400'000 / channels - 7);
  }
}

TEST_CASE("channelSum: a NaN stays in its channel") {
  Tensor x({9, 5}), y({5}, {.batched = false});
  x.randomize(8, 9);
  x.at(6, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(runOp("channelSum", {&x}, {&y}, {}, {.capacity = 9, .rows = 9}).ok());
  for (int64_t c = 0; c < 5; ++c) REQUIRE_EACH(std::isnan(y.element(c)) == (c == 3));
}

TEST_CASE("arithmetic: refusals") {
  Tensor x({2, 4}), y({2, 4}), other({2, 5}), bytes({2, 4}, {.dtype = Dtype::u8}),
      labels({2, 4}, {.dtype = Dtype::i32});
  Tensor fixed({2, 4}, {.batched = false}), four({4}, {.batched = false}), rows({8});
  CHECK(refusal("add", {&x, &other}, {&y}, {0, 0}) ==
        "add: b must have the shape of a [2,4] batched, got [2,5] batched");
  CHECK(refusal("add", {&x, &fixed}, {&y}, {0, 0}) == "add: b must have the shape of a [2,4] batched, got [2,4]");
  CHECK(refusal("copy", {&x}, {&other}, {}) == "copy: y must have the elements of x [2,4] batched, got [2,5] batched");
  CHECK(refusal("copy", {&x}, {&rows}, {}) == "copy: y must have the elements of x [2,4] batched, got [8] batched");
  CHECK(refusal("copy", {&x}, {&bytes}, {}) == "copy: y must be f32, got u8");
  CHECK(refusal("fill", {}, {&labels}, {1}) == "fill: y must be f32, got i32");
  CHECK(refusal("rescale", {&bytes}, {&y}, {1, 0}) == "");
  CHECK(refusal("rescale", {&labels}, {&y}, {1, 0}) == "rescale: x must be f32 or u8, got i32");
  CHECK(refusal("rescale", {&x}, {&other}, {1, 0}) ==
        "rescale: y must have the shape of x [2,4] batched, got [2,5] batched");
  CHECK(refusal("channelSum", {&x}, {&four}, {}) == "");
  CHECK(refusal("channelSum", {&x}, {&y}, {}) == "channelSum: y must be [4], got [2,4] batched");
  CHECK(refusal("channelSum", {&rows}, {&four}, {}) ==
        "channelSum: x must have channels behind its rows, got [8] batched");
}

}  // namespace
}  // namespace striate::test
