#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

const TensorOptions kScalar{.batched = false};

Tensor labelsFor(std::vector<int64_t> dims, int64_t classes, int64_t count) {
  Tensor labels(std::move(dims), {.dtype = Dtype::i32});
  for (int64_t i = 0; i < count; ++i) labels.data<int32_t>()[i] = static_cast<int32_t>(i * 7 % classes);
  return labels;
}

void checkCrossEntropy(Tensor& logits, Tensor& labels, int64_t capacity, int64_t rows) {
  const int64_t channels = logits.desc.channels(), pixels = logits.desc.livePixels(rows);
  const auto n = static_cast<double>(pixels);
  Tensor loss({1}, kScalar), probabilities = logits, dlogits = logits, dloss({1}, kScalar);
  const RunOptions options{.capacity = capacity, .rows = rows};
  CHECK(runOp("softmaxCrossEntropy", {&logits, &labels}, {&loss, &probabilities}, {}, options).ok());
  double expected = 0, tolerance = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    double maximum = logits.at(p, 0), total = 0;
    for (int64_t c = 0; c < channels; ++c) maximum = std::max(maximum, double(logits.at(p, c)));
    for (int64_t c = 0; c < channels; ++c) total += std::exp(logits.at(p, c) - maximum);
    expected += (std::log(total) + maximum - logits.at(p, labels.data<int32_t>()[p])) / n;
    tolerance += kEpsilon * (static_cast<double>(channels) + 8 + std::abs(maximum)) / n;
    for (int64_t c = 0; c < channels; ++c) {
      const double probability = std::exp(logits.at(p, c) - maximum) / total;
      const double relative = kEpsilon * (6 + 2 * (maximum - logits.at(p, c)) + static_cast<double>(channels));
      REQUIRE_EACH(near(probabilities.at(p, c), probability, relative * probability + 1e-37));
    }
  }
  CHECK(near(loss.element(0), expected, tolerance + kEpsilon * std::abs(expected)));

  dloss.element(0) = 1.75f;
  CHECK(runOp("softmaxCrossEntropy.backward", {&probabilities, &labels, &dloss}, {&dlogits}, {}, options).ok());
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      const double hot = labels.data<int32_t>()[p] == c ? 1 : 0;
      const double gradient = (probabilities.at(p, c) - hot) * 1.75 / n;
      REQUIRE_EACH(near(dlogits.at(p, c), gradient, 3 * kEpsilon * std::abs(gradient)));
    }
  }
}

TEST_CASE("softmaxCrossEntropy: any number of classes, strided, labels of any shape") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      CAPTURE(channels);
      Tensor rows({70, channels}, {.gap = gap}), image({4, 5, 3, channels}, {.gap = gap});
      rows.randomize(1, 67);
      image.randomize(2, 3);
      for (int64_t i = 0; i < image.liveElements(3); ++i) image.element(i) *= 30;
      Tensor flat = labelsFor({70}, channels, 67), column = labelsFor({70, 1}, channels, 67),
             map = labelsFor({4, 5, 3}, channels, 45);
      checkCrossEntropy(rows, flat, 70, 67);
      checkCrossEntropy(rows, column, 70, 67);
      checkCrossEntropy(image, map, 4, 3);
    }
  }
  Tensor many({3001, 10});
  many.randomize(3, 3000);
  Tensor labels = labelsFor({3001}, 10, 3000);
  checkCrossEntropy(many, labels, 3001, 3000);
}

TEST_CASE("softmaxCrossEntropy: the first label out of range is named, at use") {
  Tensor logits({9, 4}), probabilities = logits, loss({1}, kScalar), dloss = loss, dlogits = logits;
  logits.randomize(1, 8);
  probabilities.randomize(2, 8);
  dloss.element(0) = 1;
  Tensor labels = labelsFor({9}, 4, 9);
  const RunOptions options{.capacity = 9, .rows = 8};
  for (const int32_t bad : {4, -1, 2147483647, -2147483647 - 1}) {
    labels.data<int32_t>()[5] = bad;
    labels.data<int32_t>()[7] = 99;
    const std::string rest = "labels must be 0 to 3 for 4 classes, got " + std::to_string(bad) + " (label 5 of 8)";
    const Status forward = runOp("softmaxCrossEntropy", {&logits, &labels}, {&loss, &probabilities}, {}, options);
    CHECK(forward.code() == StatusCode::data);
    CHECK(forward.message() == "softmaxCrossEntropy: " + rest);
    const Status backward =
        runOp("softmaxCrossEntropy.backward", {&probabilities, &labels, &dloss}, {&dlogits}, {}, options);
    CHECK(backward.code() == StatusCode::data);
    CHECK(backward.message() == "softmaxCrossEntropy.backward: " + rest);
  }
  // A row that is not live is not looked at.
  labels = labelsFor({9}, 4, 9);
  labels.data<int32_t>()[8] = 4;
  CHECK(runOp("softmaxCrossEntropy", {&logits, &labels}, {&loss, &probabilities}, {}, options).ok());
}

void checkSquaredError(Tensor& prediction, Tensor& target, int64_t capacity, int64_t rows) {
  Tensor loss({1}, kScalar), dloss({1}, kScalar), gradient = prediction;
  const RunOptions options{.capacity = capacity, .rows = rows};
  CHECK(runOp("meanSquaredError", {&prediction, &target}, {&loss}, {}, options).ok());
  const int64_t count = prediction.liveElements(rows);
  double expected = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double d = double(prediction.element(i)) - target.element(i);
    expected += d * d / static_cast<double>(count);
  }
  // At most a chunk is summed in float32.
  CHECK(
      near(loss.element(0), expected, kEpsilon * static_cast<double>(std::min<int64_t>(count, 16384) + 3) * expected));
  dloss.element(0) = -0.75f;
  CHECK(runOp("meanSquaredError.backward", {&prediction, &target, &dloss}, {&gradient}, {}, options).ok());
  for (int64_t i = 0; i < count; ++i) {
    const double g = 2 * (double(prediction.element(i)) - target.element(i)) * -0.75 / static_cast<double>(count);
    REQUIRE_EACH(near(gradient.element(i), g, 4 * kEpsilon * std::abs(g)));
  }
}

TEST_CASE("meanSquaredError: any number of channels, strided, several chunks") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      CAPTURE(channels);
      Tensor prediction({6, 5, channels}, {.gap = gap}), target({6, 5, channels}, {.gap = 2 * gap});
      prediction.randomize(1, 5);
      target.randomize(2, 5);
      checkSquaredError(prediction, target, 6, 5);
    }
  }
  for (const int64_t gap : {int64_t{0}, int64_t{1}}) {
    Tensor prediction({5001, 67}, {.gap = gap}), target = prediction;
    prediction.randomize(3, 4999);
    target.randomize(4, 4999);
    checkSquaredError(prediction, target, 5001, 4999);
  }
  Tensor row({50}), other = row;
  row.randomize(5, 37);
  other.randomize(6, 37);
  checkSquaredError(row, other, 50, 37);
}

TEST_CASE("losses: refusals") {
  Tensor logits({2, 4}), probabilities({2, 4}), labels = labelsFor({2}, 4, 2), three = labelsFor({3}, 4, 2),
                                                loss({1}, kScalar), two({2}, kScalar), wide({2, 5}), floats({2}),
                                                spaced({2, 1}, {.gap = 1, .dtype = Dtype::i32});
  const auto forward = [&](Tensor& x, Tensor& y, Tensor& l) {
    return refusal("softmaxCrossEntropy", {&x, &y}, {&l, &probabilities}, {});
  };
  CHECK(forward(logits, labels, loss) == "");
  CHECK(forward(logits, floats, loss) == "softmaxCrossEntropy: labels must be i32, got f32");
  CHECK(forward(logits, three, loss) ==
        "softmaxCrossEntropy: labels must be dense, one for each pixel of logits [2,4] batched, got [3] batched with "
        "pixel stride 3");
  CHECK(forward(logits, spaced, loss) ==
        "softmaxCrossEntropy: labels must be dense, one for each pixel of logits [2,4] batched, got [2,1] batched with "
        "pixel stride "
        "2");
  CHECK(forward(logits, labels, two) == "softmaxCrossEntropy: loss must be [1], got [2]");
  CHECK(forward(wide, labels, loss) ==
        "softmaxCrossEntropy: probabilities must have the shape of logits [2,5] batched, got [2,4] batched");
  CHECK(refusal("softmaxCrossEntropy.backward", {&probabilities, &labels, &two}, {&logits}, {}) ==
        "softmaxCrossEntropy.backward: dloss must be [1], got [2]");
  CHECK(refusal("softmaxCrossEntropy.backward", {&probabilities, &three, &loss}, {&logits}, {}) ==
        "softmaxCrossEntropy.backward: labels must be dense, one for each pixel of probabilities [2,4] batched, got "
        "[3] batched with "
        "pixel stride 3");
  CHECK(refusal("meanSquaredError", {&logits, &wide}, {&loss}, {}) ==
        "meanSquaredError: target must have the shape of prediction [2,4] batched, got [2,5] batched");
  CHECK(refusal("meanSquaredError", {&logits, &probabilities}, {&two}, {}) ==
        "meanSquaredError: loss must be [1], got [2]");
  CHECK(refusal("meanSquaredError.backward", {&logits, &probabilities, &loss}, {&wide}, {}) ==
        "meanSquaredError.backward: dprediction must have the shape of prediction [2,4] batched, got [2,5] batched");
}

}  // namespace
}  // namespace striate::test
