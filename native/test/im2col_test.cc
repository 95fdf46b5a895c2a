// im2col against its definition, col2im against the adjoint's: <im2col(x), c> = <x, col2im(c)>, element by element.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

struct Case {
  int64_t images, h, w, channels, kernelH, kernelW, strideH, strideW, top, bottom, left, right, dilationH, dilationW,
      rows, gap;
};

void check(const Case& c) {
  const int64_t oh = (c.h + c.top + c.bottom - c.dilationH * (c.kernelH - 1) - 1) / c.strideH + 1;
  const int64_t ow = (c.w + c.left + c.right - c.dilationW * (c.kernelW - 1) - 1) / c.strideW + 1;
  std::vector<double> attributes;
  for (int64_t v :
       {c.kernelH, c.kernelW, c.strideH, c.strideW, c.top, c.bottom, c.left, c.right, c.dilationH, c.dilationW}) {
    attributes.push_back(static_cast<double>(v));
  }
  Tensor x({c.images, c.h, c.w, c.channels}, {true, c.gap}), back({c.images, c.h, c.w, c.channels}, {true, c.gap});
  const int64_t depth = c.kernelH * c.kernelW * c.channels;
  Tensor columns({c.images, oh, ow, depth}, {true, c.gap}), gradient({c.images, oh, ow, depth}, {true, 2 * c.gap});
  x.randomize(1, c.rows);
  gradient.randomize(2, c.rows);
  REQUIRE(runOp("im2col", {&x}, {&columns}, attributes, {c.images, c.rows}).ok());
  REQUIRE(runOp("col2im", {&gradient}, {&back}, attributes, {c.images, c.rows}).ok());
  std::vector<double> sum(static_cast<size_t>(c.rows * c.h * c.w * c.channels));
  for (int64_t n = 0; n < c.rows; ++n) {
    for (int64_t i = 0; i < oh; ++i) {
      for (int64_t j = 0; j < ow; ++j) {
        for (int64_t q = 0; q < depth; ++q) {
          const int64_t h = i * c.strideH - c.top + q / (c.kernelW * c.channels) * c.dilationH;
          const int64_t w = j * c.strideW - c.left + q / c.channels % c.kernelW * c.dilationW;
          const bool inside = h >= 0 && h < c.h && w >= 0 && w < c.w;
          REQUIRE_EACH(columns.image(n, i, j, q) == (inside ? x.image(n, h, w, q % c.channels) : 0.0f));
          if (inside)
            sum[static_cast<size_t>(((n * c.h + h) * c.w + w) * c.channels + q % c.channels)] +=
                gradient.image(n, i, j, q);
        }
      }
    }
  }
  for (size_t i = 0; i < sum.size(); ++i) {
    REQUIRE_EACH(near(back.element(static_cast<int64_t>(i)), sum[i], kEpsilon * static_cast<double>(depth + 1)));
  }
}

}  // namespace

TEST_CASE("im2col and col2im: channels, strides, pads, dilation") {
  for (int64_t channels : {1, 2, 3, 4, 5, 8, 9, 17}) {
    for (int64_t strideW : {1, 2, 5}) {
      for (int64_t dilation : {1, 2}) {
        for (int64_t gap : {0, 3}) {
          check({2, 7, 9, channels, 3, 2, 1, strideW, 0, 0, 0, 0, 1, dilation, 2, gap});
          check({3, 6, 5, channels, 2, 4, 2, strideW, 1, 0, 3, 5, dilation, 1, 2, gap});
          check({1, 2, 2, channels, 3, 3, 1, strideW, 7, 4, 6, 5, dilation, dilation, 1, gap});
        }
      }
    }
  }
  check({2, 1, 1, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 2, 0});
  check({3, 40, 50, 20, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0});  // several tasks
}

TEST_CASE("im2col: what verify refuses") {
  Tensor x({1, 5, 6, 3}), columns({1, 3, 4, 27});
  const std::vector<double> attributes = {3, 3, 1, 1, 0, 0, 0, 0, 1, 1};
  const auto refused = [&](size_t index, double value) {
    std::vector<double> changed = attributes;
    changed[index] = value;
    return refusal("im2col", {&x}, {&columns}, changed);
  };
  CHECK(refusal("im2col", {&x}, {&columns}, attributes) == "");
  CHECK(refused(0, 0) == "im2col: kernelH must be an integer from 1 to 2147483647, got 0");
  CHECK(refused(1, 2) ==
        "im2col: columns must have kernelH * kernelW * channels channels, got [1,3,4,27] batched with kernel 3x2 over "
        "[1,5,6,3] batched");
  CHECK(refused(9, 4).rfind("im2col: floor((size + pads - dilatedKernel) / stride) + 1 must give the output size", 0) ==
        0);
  CHECK(refused(3, 0) == "im2col: strideW must be an integer from 1 to 2147483647, got 0");
  Tensor other({2, 3, 4, 27});
  CHECK(
      refusal("im2col", {&x}, {&other}, attributes) ==
      "im2col: x and columns must have 4 dimensions and the same images, got [1,5,6,3] batched and [2,3,4,27] batched");
}

}  // namespace striate::test
