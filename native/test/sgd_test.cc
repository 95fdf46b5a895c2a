#include <doctest/doctest.h>

#include <cmath>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

void checkSgd(std::vector<int64_t> dims, int64_t gap, bool slots, bool nesterov) {
  const TensorOptions state{.batched = false, .gap = gap};
  Tensor parameter(dims, state), velocity(dims, state), gradient(dims, {.batched = false, .gap = 2 * gap}), none;
  parameter.randomize(1, 1);
  velocity.randomize(2, 1);
  gradient.randomize(3, 1);
  Tensor oldParameter = parameter, oldVelocity = velocity;
  const double momentum = slots ? 0.9 : 0, weightDecay = 0.01, rate = 0.125;
  Tensor& slot = slots ? velocity : none;
  CHECK(runOp("sgd", {&parameter, &gradient, &slot}, {&parameter, &slot}, {momentum, nesterov ? 1.0 : 0.0, weightDecay},
              {.learningRate = rate})
            .ok());
  for (int64_t i = 0; i < parameter.liveElements(1); ++i) {
    const double g = gradient.element(i) + weightDecay * oldParameter.element(i);
    const double v = momentum * oldVelocity.element(i) + g;
    const double direction = !slots ? g : nesterov ? g + momentum * v : v;
    if (slots) REQUIRE_EACH(near(velocity.element(i), v, 8 * kEpsilon));
    REQUIRE_EACH(near(parameter.element(i), oldParameter.element(i) - rate * direction, 4 * kEpsilon));
  }
}

TEST_CASE("sgd: all forms in place, any size, strided, large enough to be split") {
  for (const bool slots : {false, true}) {
    for (const bool nesterov : {false, true}) {
      CAPTURE(slots);
      CAPTURE(nesterov);
      for (const int64_t channels : kChannelCounts) {
        CAPTURE(channels);
        checkSgd({3, 5, channels}, 0, slots, nesterov);
        checkSgd({3, 5, channels}, 3, slots, nesterov);
        checkSgd({channels}, 0, slots, nesterov);
      }
      checkSgd({3, 3, 67, 301}, 0, slots, nesterov);
    }
  }
}

TEST_CASE("sgd: refusals") {
  Tensor p({2, 4}), g({2, 4}), v({2, 4}), wide({2, 5}), none;
  CHECK(refusal("sgd", {&p, &g, &v}, {&p, &v}, {0.9, 1, 0}) == "");
  CHECK(refusal("sgd", {&p, &g, &none}, {&p, &none}, {0, 0, 0}) == "");
  CHECK(refusal("sgd", {&p, &wide, &v}, {&p, &v}, {0.9, 1, 0}) ==
        "sgd: gradient must have the shape of parameter [2,4] batched, got [2,5] batched");
  CHECK(refusal("sgd", {&p, &g, &v}, {&p, &none}, {0.9, 1, 0}) ==
        "sgd: velocity and newVelocity must come together, got velocity alone");
  CHECK(refusal("sgd", {&p, &g, &none}, {&p, &v}, {0, 1, 0}) ==
        "sgd: velocity and newVelocity must come together, got newVelocity alone");
  CHECK(refusal("sgd", {&p, &g, &none}, {&p, &none}, {0.9, 0, 0}) ==
        "sgd: momentum needs velocity, got momentum 0.9 without it");
  CHECK(refusal("sgd", {&p, &g, &wide}, {&p, &v}, {0.9, 0, 0}) ==
        "sgd: velocity must have the shape of parameter [2,4] batched, got [2,5] batched");
  CHECK(refusal("sgd", {&p, &g, &v}, {&p, &v}, {0.9, 2, 0}) == "sgd: nesterov must be an integer from 0 to 1, got 2");
}

}  // namespace
}  // namespace striate::test
