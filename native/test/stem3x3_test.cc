// 3x3 over few channels to many filters, read in place: tiles at both ends of a line, lines outside the image,
// epilogues.
#include <doctest/doctest.h>

#include "test/conv2d_case.h"

namespace striate::test {
namespace {

void checkStem3x3(ConvCase c) {
  ConvExpected expected;
  for (const bool constant : {true, false}) {
    c.constant = constant;
    ConvOperands t(c);
    std::vector<double> attributes = c.window();
    for (double v : {static_cast<double>(c.activation), 0.1, 0.0, 0.0}) attributes.push_back(v);
    const std::string kernel =
        kernelOf("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&t.y}, attributes, c.images);
    INFO(c.text(), " ", kernel);
    REQUIRE(kernel.find("_stem3x3_") != std::string::npos);
    checkForward(c, 0, expected);
  }
}

}  // namespace

TEST_CASE("stem3x3: channels, strides, widths around the tiles") {
  for (int64_t channels : {1, 2, 3, 4}) {
    for (int64_t stride : {1, 2}) {
      for (int64_t ow : {6, 7, 11, 12, 13, 17, 18, 19, 26}) {
        checkStem3x3({.h = 6,
                      .w = (ow - 1) * stride + 3,
                      .channels = channels,
                      .filters = 32,
                      .strideH = stride,
                      .strideW = stride});
      }
    }
  }
}

TEST_CASE("stem3x3: padding, uneven strides, images smaller than a tile's windows") {
  for (int64_t stride : {1, 2}) {
    ConvCase c{.images = 2, .h = 8, .w = 23, .filters = 16, .strideH = stride, .strideW = stride, .top = 1, .left = 1};
    checkStem3x3(c);
    c.bottom = c.right = 1;
    checkStem3x3(c);
    c.left = 9;
    c.right = 16;
    c.top = 4;
    c.bottom = 5;
    checkStem3x3(c);
  }
  checkStem3x3({.h = 9, .w = 20, .filters = 16, .strideH = 3, .strideW = 1, .bottom = 1});
  checkStem3x3({.h = 9, .w = 20, .filters = 16, .strideH = 1, .strideW = 2, .right = 1});
  checkStem3x3({.h = 1, .w = 1, .filters = 16, .top = 1, .bottom = 1, .left = 4, .right = 5});
  checkStem3x3({.h = 2, .w = 3, .filters = 16, .strideH = 2, .strideW = 2, .top = 3, .left = 7, .right = 8});
}

TEST_CASE("stem3x3: panels, slices, scale, epilogues, fewer rows than capacity, several tasks") {
  for (int activation : {0, 1, 2, 5}) {
    checkStem3x3({.images = 3,
                  .h = 7,
                  .w = 15,
                  .filters = 48,
                  .strideH = 2,
                  .strideW = 2,
                  .top = 1,
                  .left = 1,
                  .rows = 2,
                  .resultGap = 5,
                  .bias = activation != 2,
                  .scale = activation != 0,
                  .activation = activation});
  }
  checkStem3x3({.images = 2, .h = 60, .w = 61, .filters = 64, .strideH = 2, .strideW = 2, .top = 1, .left = 1});
}

}  // namespace striate::test
