// Which shapes conv2d gives to which algorithm, what is special to one of them, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "test/conv2d_case.h"

namespace striate::test {

TEST_CASE("few channels: lanes over pixels and over images") {
  // Blocks of images whole, with idle lanes, and with a rest whose lanes are pixels.
  for (int64_t images : {1, 3, 4, 7, 8, 9, 14, 17}) {
    for (int64_t filters = 1; filters <= 13; ++filters) {
      checkWithoutIm2col({.images = images,
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
        ConvCase c{.images = images,
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
        checkWithoutIm2col(c);
        c.gap = 2;
        c.residual = true;
        c.activation = 1 + static_cast<int>(stride);
        checkWithoutIm2col(c);
        c.gap = 0;
        c.filters = 10;
        checkWithoutIm2col(c);
        c.channels = 12;
        c.activation = 1;
        c.residual = false;
        checkWithoutIm2col(c);
      }
    }
  }
  // Bands of rows, blocks of images, chunks of a sum.
  checkWithoutIm2col(
      {.images = 3, .h = 70, .w = 61, .channels = 5, .filters = 11, .kernelH = 5, .kernelW = 5, .top = 2});
  checkWithoutIm2col({.images = 19, .h = 33, .w = 30, .channels = 6, .filters = 9, .left = 1, .rows = 18});
  checkWithoutIm2col({.images = 8, .h = 12, .w = 300, .channels = 20, .filters = 7, .strideW = 2, .rows = 6});
  checkWithoutIm2col({.images = 600, .h = 3, .w = 4, .channels = 2, .filters = 3, .rows = 571});
}

TEST_CASE("depthwise: windows of 3 and 5, every width of a tile and its rests, strides 1 and 2") {
  for (int64_t kernel : {3, 5}) {
    for (int64_t stride : {1, 2}) {
      for (int64_t width : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31}) {
        for (int64_t channels : {2, 7, 8, 20}) {
          ConvCase c{.images = 2,
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
          checkWithoutIm2col(c);
          // Pads beyond the kernel, on one side; rows that no task may touch.
          c.left = 6;
          c.right = 0;
          c.top = 0;
          c.bottom = 5;
          c.rows = 1;
          if (c.ow() > 0) checkWithoutIm2col(c);
        }
      }
    }
  }
  for (int64_t stride : {1, 2}) {  // many tasks
    checkWithoutIm2col({.images = 3,
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

TEST_CASE("conv2d: what exceeds the budget is packed in the run, to the same bits") {
  for (const ConvCase& c : {ConvCase{.channels = 17, .filters = 21, .constant = true, .scale = true},
                            ConvCase{.channels = 3, .filters = 9, .constant = true},
                            ConvCase{.channels = 9, .filters = 9, .groups = 9, .constant = true, .scale = true},
                            ConvCase{.channels = 8, .filters = 9, .kernelH = 1, .kernelW = 1, .constant = true}}) {
    INFO(c.text());
    std::vector<double> attributes = c.window();
    for (double v : {0.0, 0.1, 0.0, 0.0}) attributes.push_back(v);
    ConvOperands kept(c), within(c);
    const auto run = [&](ConvOperands& t, uint64_t budget) {
      return runOp("conv2d", {&t.x, &t.filter, &t.bias, &t.residual, &t.scale}, {&t.y}, attributes,
                   {.capacity = 1, .rows = 1, .packedBudget = budget})
          .ok();
    };
    CHECK(run(kept, UINT64_MAX));
    CHECK(run(within, 64));
    CHECK(kept.y.bytes() == within.y.bytes());
  }
}

TEST_CASE("conv2d: NaN and infinities come through") {
  ConvCase c{.channels = 4, .filters = 16, .bias = false};
  ConvOperands t(c);
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
  const auto algorithms = [](const ConvCase& c, int algorithm) {
    ConvOperands t(c);
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
  CHECK(algorithms({.channels = 3, .filters = 29, .strideH = 2}, 0) == "rows igemm rows ");
  CHECK(algorithms({.channels = 3, .filters = 30, .strideH = 2}, 0) == "rows im2col rows ");
  // A stride of patches: 20 x 20 phases are too many for the search, and col2im is no worse.
  CHECK(algorithms({.h = 40, .w = 40, .channels = 16, .kernelH = 20, .kernelW = 20, .strideH = 20, .strideW = 20}, 0) ==
        "igemm im2col igemm ");
  // Chunks of tiles: conv2d_test.cc.
  CHECK(algorithms({.images = 13, .h = 31, .w = 30, .channels = 17, .filters = 20}, 0) ==
        "winograd winograd winograd ");
  CHECK(algorithms({.channels = 3}, 1) == "im2col im2col im2col ");
}

TEST_CASE("conv2d: patches, where every tap is a phase of its own") {
  checkWithoutIm2col({.images = 2,
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
  checkWithoutIm2col({.h = 34,
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
  const ConvCase c{};
  ConvOperands t(c);
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
