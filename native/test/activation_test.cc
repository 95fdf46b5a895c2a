#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

double slopeAt(int kind, double slope, double y) {
  switch (kind) {
    case 1:
      return y <= 0 ? 0 : 1;
    case 2:
      return y <= 0 ? slope : 1;
    case 3:
      return y * (1 - y);
    case 4:
      return 1 - y * y;
    case 5:
      return y > 0 && y < 6 ? 1 : 0;
    default:
      return 1;
  }
}

constexpr double kSlope = 0.125;

TEST_CASE("activation: every kind, any number of channels, strided and in place") {
  for (int kind = 0; kind <= 5; ++kind) {
    for (const int64_t channels : kChannelCounts) {
      for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
        CAPTURE(kind);
        CAPTURE(channels);
        CAPTURE(gap);
        const RunOptions options{.capacity = 5, .rows = 3};
        Tensor x({5, 2, channels}, {.gap = gap}), y({5, 2, channels}, {.gap = gap, .offset = 2});
        x.randomize(7, 3);
        for (int64_t i = 0; i < x.liveElements(3); ++i) x.element(i) *= 6;
        CHECK(runOp("activation", {&x}, {&y}, {double(kind), kSlope}, options).ok());
        for (int64_t i = 0; i < x.liveElements(3); ++i) {
          const double expected = activate(kind, kSlope, x.element(i));
          REQUIRE_EACH(near(y.element(i), expected, 3 * kEpsilon * std::abs(expected)));
        }
        Tensor inPlace = x;
        CHECK(runOp("activation", {&inPlace}, {&inPlace}, {double(kind), kSlope}, options).ok());
        for (int64_t i = 0; i < x.liveElements(3); ++i) REQUIRE_EACH(inPlace.element(i) == y.element(i));
      }
    }
  }
}

TEST_CASE("activation: rows are channels where the rank is 1, and one stride may be dense") {
  Tensor x({21}), y({21});
  x.randomize(1, 13);
  CHECK(runOp("activation", {&x}, {&y}, {1, 0}, {.capacity = 21, .rows = 13}).ok());
  for (int64_t i = 0; i < 13; ++i) REQUIRE_EACH(y.element(i) == std::max(x.element(i), 0.0f));
  Tensor dense({4, 6, 3}), strided({4, 6, 3}, {.gap = 5});
  dense.randomize(2, 4);
  CHECK(runOp("activation", {&dense}, {&strided}, {0, 0}, {.capacity = 4, .rows = 4}).ok());
  for (int64_t i = 0; i < dense.liveElements(4); ++i) REQUIRE_EACH(strided.element(i) == dense.element(i));
}

TEST_CASE("activation: NaN propagates, infinities saturate") {
  const float specials[] = {kNan, kInfinity, -kInfinity, 0.0f, -0.0f, 1e30f, -1e30f, 200.0f, -200.0f};
  for (int kind = 0; kind <= 5; ++kind) {
    CAPTURE(kind);
    Tensor x({1, 9}), y({1, 9});
    for (int64_t i = 0; i < 9; ++i) x.element(i) = specials[i];
    CHECK(runOp("activation", {&x}, {&y}, {double(kind), kSlope}, {}).ok());
    for (int64_t i = 0; i < 9; ++i) {
      CAPTURE(specials[i]);
      const double expected = std::isnan(specials[i]) ? double(kNan) : activate(kind, kSlope, specials[i]);
      REQUIRE_EACH(near(y.element(i), expected, 3 * kEpsilon * std::abs(expected) + 1e-37));
    }
  }
}

TEST_CASE("activation.backward: from y alone, strided and in place of either operand") {
  for (int kind = 0; kind <= 5; ++kind) {
    for (const int64_t channels : kChannelCounts) {
      for (const int64_t gap : {int64_t{0}, int64_t{2}}) {
        CAPTURE(kind);
        CAPTURE(channels);
        const RunOptions options{.capacity = 4, .rows = 3};
        Tensor x({4, 3, channels}, {.gap = gap}), y = x, dy = x, dx = x, none;
        x.randomize(3, 3);
        for (int64_t i = 0; i < x.liveElements(3); ++i) x.element(i) *= 3;
        dy.randomize(4, 3);
        CHECK(runOp("activation", {&x}, {&y}, {double(kind), kSlope}, options).ok());
        CHECK(runOp("activation.backward", {&y, &dy}, {&dx, &none}, {double(kind), kSlope}, options).ok());
        for (int64_t i = 0; i < x.liveElements(3); ++i) {
          const double value = y.element(i), expected = dy.element(i) * slopeAt(kind, kSlope, value);
          const double magnitude = std::abs(dy.element(i)) * (1 + value * value);
          REQUIRE_EACH(near(dx.element(i), expected, 4 * kEpsilon * magnitude));
        }
        Tensor overDy = dy, overY = y;
        CHECK(runOp("activation.backward", {&y, &overDy}, {&overDy, &none}, {double(kind), kSlope}, options).ok());
        CHECK(runOp("activation.backward", {&overY, &dy}, {&overY, &none}, {double(kind), kSlope}, options).ok());
        for (int64_t i = 0; i < x.liveElements(3); ++i) {
          REQUIRE_EACH(overDy.element(i) == dx.element(i));
          REQUIRE_EACH(overY.element(i) == dx.element(i));
        }
      }
    }
  }
}

TEST_CASE("activation.backward: channel sums are those of channelSum, bit for bit") {
  for (const int64_t channels : {1, 3, 6, 16, 20, 33, 64, 300, 5000}) {
    for (const int64_t gap : {int64_t{0}, int64_t{2}}) {
      CAPTURE(channels);
      CAPTURE(gap);
      const int64_t capacity = 60'000 / channels + 3, rows = capacity - 2;
      const RunOptions options{.capacity = capacity, .rows = rows};
      Tensor y({capacity, 3, channels}, {.gap = gap}), dy = y, dx = y, sums({channels}, {.batched = false}),
                                                       expected = sums;
      y.randomize(3, rows);
      dy.randomize(4, rows);
      CHECK(runOp("activation.backward", {&y, &dy}, {&dx, &sums}, {1, 0}, options).ok());
      CHECK(runOp("channelSum", {&dx}, {&expected}, {}, options).ok());
      for (int64_t c = 0; c < channels; ++c) REQUIRE_EACH(sums.element(c) == expected.element(c));
      for (int64_t i = 0; i < y.liveElements(rows); ++i) {
        REQUIRE_EACH(dx.element(i) == (y.element(i) > 0 ? dy.element(i) : 0));
      }
    }
  }
}

TEST_CASE("activation.backward: a dead relu passes 0 where dy is NaN") {
  Tensor y({1, 2}), dy({1, 2}), dx({1, 2}), none;
  y.element(0) = 0;
  y.element(1) = 1;
  dy.fill(kNan, 1);
  CHECK(runOp("activation.backward", {&y, &dy}, {&dx, &none}, {1, 0}, {}).ok());
  CHECK(dx.element(0) == 0);
  CHECK(std::isnan(dx.element(1)));
}

TEST_CASE("activation: large enough to be split among threads") {
  Tensor x({64, 32, 33}), y = x;
  x.randomize(5, 63);
  ThreadPool::instance().resetTaskCounters();
  CHECK(runOp("activation", {&x}, {&y}, {4, 0}, {.capacity = 64, .rows = 63}).ok());
  uint64_t tasks = 0;
  for (const uint64_t taken : ThreadPool::instance().taskCounters()) tasks += taken;
  CHECK(tasks >= 4);  // of two runs
  for (int64_t i = 0; i < x.liveElements(63); ++i)
    REQUIRE_EACH(near(y.element(i), std::tanh(double(x.element(i))), 3 * kEpsilon));
}

TEST_CASE("activation: refusals") {
  Tensor x({2, 4}), y({2, 4}), other({2, 5}), bytes({2, 4}, {.dtype = Dtype::u8}), none;
  Tensor four({4}, {.batched = false}), five({5}, {.batched = false}), rows({4});
  CHECK(refusal("activation", {&x}, {&y}, {1, 0}) == "");
  CHECK(refusal("activation", {&x}, {&y}, {6, 0}) == "activation: activation must be an integer from 0 to 5, got 6");
  CHECK(refusal("activation", {&x}, {&y}, {0.5, 0}) ==
        "activation: activation must be an integer from 0 to 5, got 0.5");
  CHECK(refusal("activation", {&x}, {&y}, {2, -1}) == "activation: slope must be at least 0, got -1");
  CHECK(refusal("activation", {&bytes}, {&y}, {1, 0}) == "activation: x must be f32, got u8");
  CHECK(refusal("activation", {&x}, {&other}, {1, 0}) ==
        "activation: y must have the shape of x [2,4] batched, got [2,5] batched");
  CHECK(refusal("activation.backward", {&x, &other}, {&y, &none}, {1, 0}) ==
        "activation.backward: dy must have the shape of y [2,4] batched, got [2,5] batched");
  CHECK(refusal("activation.backward", {&x, &y}, {&y, &four}, {1, 0}) == "");
  CHECK(refusal("activation.backward", {&x, &y}, {&y, &five}, {1, 0}) ==
        "activation.backward: sums must be [4], got [5]");
  CHECK(refusal("activation.backward", {&rows, &rows}, {&rows, &four}, {1, 0}) ==
        "activation.backward: y must have channels behind its rows, got [4] batched");
  CHECK(kernelOf("activation", {&x}, {&y}, {1, 0}).starts_with("activation_fwd_f32__"));
}

}  // namespace
}  // namespace striate::test
