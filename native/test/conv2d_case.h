// What the tests of conv2d share: a case, its operands, and checks of all three directions against plain
// double-precision loops. The fixture adds NaN bands around every buffer, compares one thread with several, and sees to
// it that nothing but live results is written.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "test/op_fixture.h"

namespace striate::test {

struct ConvCase {
  int64_t images = 1, h = 5, w = 6, channels = 3, filters = 4;
  int64_t kernelH = 3, kernelW = 3, strideH = 1, strideW = 1;
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  int64_t dilationH = 1, dilationW = 1, groups = 1;
  int64_t rows = 0;  // live images; 0: all
  int64_t gap = 0;
  int64_t resultGap = 0;  // of y and the filter only
  bool constant = false, bias = true, residual = false, scale = false;
  int activation = 0;

  int64_t live() const { return rows == 0 ? images : rows; }
  int64_t oh() const { return (h + top + bottom - dilationH * (kernelH - 1) - 1) / strideH + 1; }
  int64_t ow() const { return (w + left + right - dilationW * (kernelW - 1) - 1) / strideW + 1; }
  std::string text() const {
    const auto pair = [](int64_t a, int64_t b) { return std::to_string(a) + "x" + std::to_string(b); };
    return std::to_string(images) + "x" + pair(h, w) + "x" + std::to_string(channels) + " by " +
           pair(kernelH, kernelW) + "x" + std::to_string(filters) + " stride " + pair(strideH, strideW) + " pads " +
           pair(top, bottom) + "," + pair(left, right) + " dilation " + pair(dilationH, dilationW) + " groups " +
           std::to_string(groups) + " rows " + std::to_string(rows) + " gap " + std::to_string(gap) + " act " +
           std::to_string(activation) + (scale ? " scaled" : "");
  }
  std::vector<double> window() const {
    std::vector<double> a;
    for (int64_t v : {strideH, strideW, top, bottom, left, right, dilationH, dilationW, groups})
      a.push_back(static_cast<double>(v));
    return a;
  }
};

struct ConvOperands {
  Tensor x, filter, bias, residual, scale, y;
  explicit ConvOperands(const ConvCase& c)
      : x({c.images, c.h, c.w, c.channels}, {true, c.gap}),
        filter({c.kernelH, c.kernelW, c.channels / c.groups, c.filters}, {false, c.gap / 2 + c.resultGap}),
        bias(c.bias ? Tensor({c.filters}, {false}) : Tensor()),
        residual(c.residual ? Tensor({c.images, c.oh(), c.ow(), c.filters}, {true, c.gap + 1}) : Tensor()),
        scale(c.scale ? Tensor({c.filters}, {false}) : Tensor()),
        y({c.images, c.oh(), c.ow(), c.filters}, {true, c.gap * 2 + c.resultGap}) {
    x.randomize(1, c.live());
    filter.randomize(2, 1);
    filter.desc.constant = c.constant;
    if (c.bias) bias.randomize(3, 1);
    if (c.residual) residual.randomize(4, c.live());
    if (c.scale) scale.randomize(6, 1);
    scale.desc.constant = c.constant;
  }
};

// The sums of one direction in double, and how far a Winograd kernel may be from them.
struct ConvSums {
  std::vector<double> values;
  std::vector<double> winogradBounds[2];  // of tiles of 2x2 and of 4x4
};

// Filled by the first check that needs it. Neither the algorithm nor what is constant makes a difference: one serves
// all checks of a case.
struct ConvExpected {
  ConvSums forward, backwardInput, backwardFilter;
};

void checkForward(const ConvCase& c, int algorithm, ConvExpected& expected);
void checkBackwardInput(const ConvCase& c, int algorithm, ConvExpected& expected);
void checkBackwardFilter(const ConvCase& c, int algorithm, ConvExpected& expected);
// The three directions with every algorithm, the filter constant and not.
void checkAll(const ConvCase& c);
// ... but im2col, where other cases have it: half of the time.
void checkWithoutIm2col(const ConvCase& c);
// Forward with a scale per filter: the gradients know none.
void checkScaled(ConvCase c);

}  // namespace striate::test
