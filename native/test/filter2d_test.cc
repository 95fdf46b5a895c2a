// filter2d and its gradients against plain loops in double, and what verify refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

struct Case {
  int64_t images, h, w, channels, kernelH, kernelW, terms, rows, gap;
  bool bytes;
};

// The kernel itself, or the product that it is given as.
std::vector<double> kernelOfCase(const Case& c, Tensor& kernel, Tensor& right) {
  std::vector<double> whole(static_cast<size_t>(c.kernelH * c.kernelW));
  for (int64_t a = 0; a < c.kernelH; ++a) {
    for (int64_t b = 0; b < c.kernelW; ++b) {
      double& weight = whole[static_cast<size_t>(a * c.kernelW + b)];
      if (c.terms == 0) weight = kernel.at(a, b);
      for (int64_t t = 0; t < c.terms; ++t) {
        weight += static_cast<double>(kernel.at(a, t)) * static_cast<double>(right.at(t, b));
      }
    }
  }
  return whole;
}

void checkForward(const Case& c) {
  const int64_t oh = c.h - c.kernelH + 1, ow = c.w - c.kernelW + 1;
  Tensor x({c.images, c.h, c.w, c.channels}, {true, c.gap, 1, c.bytes ? Dtype::u8 : Dtype::f32});
  Tensor kernel({c.kernelH, c.terms == 0 ? c.kernelW : c.terms}, {false, c.gap});
  Tensor right = c.terms == 0 ? Tensor() : Tensor({c.terms, c.kernelW}, {false, c.gap});
  Tensor y({c.images, oh, ow, c.channels}, {true, 2 * c.gap});
  if (c.bytes) {
    for (int64_t p = 0; p < c.rows * c.h * c.w; ++p) {
      for (int64_t k = 0; k < c.channels; ++k) x.at<uint8_t>(p, k) = static_cast<uint8_t>(37 * p + 91 * k + p * p / 7);
    }
  } else {
    x.randomize(1, c.rows);
  }
  kernel.randomize(2, 1);
  if (c.terms > 0) right.randomize(3, 1);
  REQUIRE(runOp("filter2d", {&x, &kernel, &right}, {&y}, {0.25, 0}, {c.images, c.rows}).ok());
  const std::vector<double> weights = kernelOfCase(c, kernel, right);
  for (int64_t n = 0; n < c.rows; ++n) {
    for (int64_t i = 0; i < oh; ++i) {
      for (int64_t j = 0; j < ow; ++j) {
        for (int64_t k = 0; k < c.channels; ++k) {
          double sum = 0.25, magnitude = 0.25;
          for (int64_t a = 0; a < c.kernelH; ++a) {
            for (int64_t b = 0; b < c.kernelW; ++b) {
              const int64_t pixel = (n * c.h + i + a) * c.w + j + b;
              const double value = c.bytes ? x.at<uint8_t>(pixel, k) : static_cast<double>(x.at(pixel, k));
              const double weight = weights[static_cast<size_t>(a * c.kernelW + b)];
              sum += weight * value;
              magnitude += static_cast<double>(std::max<int64_t>(1, c.terms)) * std::abs(value);
            }
          }
          const double bound = kEpsilon * static_cast<double>(c.kernelH * c.kernelW + c.kernelW + 3) * magnitude;
          REQUIRE_EACH(near(y.image(n, i, j, k), sum, bound));
        }
      }
    }
  }
}

void checkGradients(const Case& c) {
  const int64_t oh = c.h - c.kernelH + 1, ow = c.w - c.kernelW + 1;
  Tensor x({c.images, c.h, c.w, c.channels}, {true, c.gap}), dx({c.images, c.h, c.w, c.channels}, {true, 2 * c.gap});
  Tensor dy({c.images, oh, ow, c.channels}, {true, c.gap});
  Tensor kernel({c.kernelH, c.kernelW}, {false, c.gap}), dkernel({c.kernelH, c.kernelW}, {false, 2 * c.gap});
  x.randomize(1, c.rows);
  kernel.randomize(2, 1);
  dy.randomize(3, c.rows);
  REQUIRE(runOp("filter2d.backwardInput", {&dy, &kernel}, {&dx}, {}, {c.images, c.rows}).ok());
  REQUIRE(runOp("filter2d.backwardKernel", {&x, &dy}, {&dkernel}, {}, {c.images, c.rows}).ok());
  std::vector<double> toInput(static_cast<size_t>(c.rows * c.h * c.w * c.channels));
  for (int64_t a = 0; a < c.kernelH; ++a) {
    for (int64_t b = 0; b < c.kernelW; ++b) {
      double sum = 0, magnitude = 0;
      for (int64_t n = 0; n < c.rows; ++n) {
        for (int64_t i = 0; i < oh; ++i) {
          for (int64_t j = 0; j < ow; ++j) {
            for (int64_t k = 0; k < c.channels; ++k) {
              const double gradient = dy.image(n, i, j, k);
              const double product = gradient * static_cast<double>(x.image(n, i + a, j + b, k));
              sum += product;
              magnitude += std::abs(product);
              toInput[static_cast<size_t>(((n * c.h + i + a) * c.w + j + b) * c.channels + k)] +=
                  gradient * static_cast<double>(kernel.at(a, b));
            }
          }
        }
      }
      REQUIRE(near(dkernel.at(a, b), sum, kEpsilon * static_cast<double>(ow * c.channels + 2) * magnitude + kEpsilon));
    }
  }
  for (size_t i = 0; i < toInput.size(); ++i) {
    const double bound = kEpsilon * static_cast<double>(c.kernelH * c.kernelW * (c.kernelH * c.kernelW + 1));
    REQUIRE_EACH(near(dx.element(static_cast<int64_t>(i)), toInput[i], bound));
  }
}

}  // namespace

TEST_CASE("filter2d: channels, sizes of rows, kernels whole and as products, gaps, floats and bytes") {
  for (int64_t channels : {1, 2, 3, 4, 7}) {
    for (int64_t terms : {0, 1, 2}) {
      for (int64_t gap : {0, 3}) {
        for (bool bytes : {false, true}) {
          checkForward({3, 6, 9, channels, 3, 3, terms, 2, gap, bytes});
          checkForward({1, 5, 53, channels, 2, 4, terms, 1, gap, bytes});
          checkForward({2, 9, 34, channels, 1, 5, terms, 2, gap, bytes});
          checkForward({1, 4, 3, channels, 4, 3, terms, 1, gap, bytes});
        }
      }
    }
  }
  checkForward({1, 90, 900, 1, 3, 3, 0, 1, 0, true});  // several tasks
  checkForward({1, 90, 900, 1, 3, 3, 2, 1, 0, false});
}

TEST_CASE("filter2d: gradients") {
  for (int64_t channels : {1, 3, 4}) {
    for (int64_t gap : {0, 3}) {
      checkGradients({3, 6, 9, channels, 3, 3, 0, 2, gap, false});
      checkGradients({1, 5, 53, channels, 2, 4, 0, 1, gap, false});
      checkGradients({1, 4, 3, channels, 4, 3, 0, 1, gap, false});
      checkGradients({2, 3, 8, channels, 1, 1, 0, 2, gap, false});
    }
  }
  checkGradients({1, 90, 900, 1, 5, 6, 0, 1, 0, false});  // several tasks and chunks
}

TEST_CASE("filter2d: what verify refuses") {
  Tensor x({1, 5, 6, 3}), kernel({3, 3}, {false}), none, y({1, 3, 4, 3});
  const std::vector<double> attributes = {0, 0};
  CHECK(refusal("filter2d", {&x, &kernel, &none}, {&y}, attributes) == "");
  CHECK(refusal("filter2d", {&x, &kernel, &none}, {&y}, {0, 1}) == "filter2d: y must be u8, got f32");
  CHECK(refusal("filter2d", {&x, &kernel, &none}, {&y}, {0, 2}) ==
        "filter2d: toBytes must be an integer from 0 to 1, got 2");
  Tensor labels({1, 5, 6, 3}, {true, 0, 1, Dtype::i32});
  CHECK(refusal("filter2d", {&labels, &kernel, &none}, {&y}, attributes) == "filter2d: x must be f32 or u8, got i32");
  Tensor left({3, 2}, {false}), right({2, 3}, {false}), other({1, 3}, {false});
  CHECK(refusal("filter2d", {&x, &left, &right}, {&y}, attributes) == "");
  CHECK(refusal("filter2d", {&x, &left, &other}, {&y}, attributes) ==
        "filter2d: right must have a row for each column of kernel [3,2], got [1,3]");
  Tensor batched({1, 3});
  CHECK(refusal("filter2d", {&x, &batched, &none}, {&y}, attributes) ==
        "filter2d: kernel must have 2 dimensions, the same in every run, got [1,3] batched");
  Tensor narrow({1, 3, 4, 2}), low({1, 2, 4, 3});
  CHECK(refusal("filter2d", {&x, &kernel, &none}, {&narrow}, attributes) ==
        "filter2d: x and y must be images, as many and of as many channels, got [1,5,6,3] batched and [1,3,4,2] "
        "batched");
  CHECK(refusal("filter2d", {&x, &kernel, &none}, {&low}, attributes) ==
        "filter2d: y must have size - kernel + 1 rows and columns, got [1,2,4,3] batched of [1,5,6,3] batched with "
        "kernel 3x3");
  CHECK(refusal("filter2d.backwardInput", {&y, &kernel}, {&x}, {}) == "");
  CHECK(refusal("filter2d.backwardInput", {&low, &kernel}, {&x}, {}).rfind("filter2d.backwardInput: dy must", 0) == 0);
  CHECK(refusal("filter2d.backwardKernel", {&x, &y}, {&kernel}, {}) == "");
  CHECK(refusal("filter2d.backwardKernel", {&x, &low}, {&kernel}, {}).rfind("filter2d.backwardKernel: dy must", 0) ==
        0);
}

}  // namespace striate::test
