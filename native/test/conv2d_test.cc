// conv2d and its gradients over sizes, strides, padding, groups and epilogues, with every algorithm.
#include <doctest/doctest.h>

#include "test/conv2d_case.h"

namespace striate::test {

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
          ConvCase c{.images = 2,
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
        ConvCase c{.images = 2,
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
  // Groups of two whole panels and a rest.
  checkAll({.h = 7, .w = 6, .channels = 10, .filters = 194, .kernelW = 2, .groups = 2});
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
  checkAll({.images = 3,
            .h = 23,
            .w = 19,
            .channels = 24,
            .filters = 40,
            .top = 1,
            .bottom = 1,
            .left = 1,
            .right = 1,
            .rows = 2});
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
  // Winograd in all directions; the gradient of the filter in blocks of tiles that several tasks gather.
  checkWithoutIm2col({.h = 40, .w = 40, .channels = 20, .filters = 40, .top = 1, .bottom = 1, .left = 1, .right = 1});
  // ... and in three chunks of tiles, the last one short.
  checkWithoutIm2col({.images = 13,
                      .h = 31,
                      .w = 30,
                      .channels = 9,
                      .filters = 10,
                      .top = 1,
                      .bottom = 1,
                      .left = 1,
                      .right = 1,
                      .rows = 11});
  // Sums of more than one pass: beyond 4096 terms, by taps and by channels.
  checkAll({.h = 4, .w = 5, .channels = 700, .filters = 18});
  checkAll(
      {.h = 2, .w = 7, .channels = 4500, .filters = 9, .kernelH = 1, .kernelW = 2, .residual = true, .activation = 1});
  checkAll({.h = 30, .w = 30, .channels = 1, .filters = 2, .kernelH = 25, .kernelW = 24});
}

TEST_CASE("conv2d: filters packed in the run by whole rows, in several passes and groups of columns") {
  for (const int64_t filters : {1040, 1042}) {  // the last panel is half a panel on one instruction set or another
    checkAll({.h = 7, .w = 7, .channels = 40, .filters = filters, .top = 1, .bottom = 1, .left = 1, .right = 1});
    // ... and in one task, for want of work.
    checkAll({.h = 1, .w = 2, .channels = 40, .filters = filters, .top = 1, .bottom = 1, .left = 1, .right = 1});
  }
  checkAll({.h = 9, .w = 9, .channels = 30, .filters = 120, .strideH = 2, .strideW = 2, .groups = 3});
}

TEST_CASE("conv2d: the filter's gradient over a source beyond the caches") {
  for (const int64_t filters : {70, 24}) {
    const ConvCase c{.images = 9, .h = 64, .w = 60, .channels = 65, .filters = filters, .kernelH = 1, .kernelW = 1};
    ConvExpected expected;
    checkBackwardFilter(c, 0, expected);
  }
}

TEST_CASE("conv2d: im2col in several chunks of images") {
  // 7 million floats of columns per image: two images fit the 64 MiB of one chunk.
  const ConvCase c{.images = 3,
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
  ConvExpected expected;
  checkForward(c, 1, expected);
  checkBackwardInput(c, 1, expected);
  checkBackwardFilter(c, 1, expected);
}

}  // namespace striate::test
