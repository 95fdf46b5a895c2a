#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/op_fixture.h"

namespace striate::test {
namespace {

constexpr double kEps = 1e-5;

Tensor vectorOf(int64_t channels, uint32_t seed, float base = 0) {
  Tensor v({channels}, {.batched = false});
  v.randomize(seed, 1);
  for (int64_t c = 0; c < channels; ++c) v.element(c) += base;
  return v;
}

struct Statistics {
  double mean = 0, variance = 0, magnitude = 0;
};
Statistics statisticsOf(Tensor& x, int64_t pixels, int64_t c) {
  Statistics s;
  for (int64_t p = 0; p < pixels; ++p) {
    s.mean += x.at(p, c);
    s.magnitude += std::abs(x.at(p, c));
  }
  s.mean /= static_cast<double>(pixels);
  for (int64_t p = 0; p < pixels; ++p) s.variance += (x.at(p, c) - s.mean) * (x.at(p, c) - s.mean);
  s.variance /= static_cast<double>(pixels);
  s.magnitude /= static_cast<double>(pixels);
  return s;
}

TEST_CASE("batchNorm.inference: few and many channels, strided, in place, with an activation") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      for (const int64_t pixels : {1, 7, 33}) {
        CAPTURE(channels);
        CAPTURE(gap);
        CAPTURE(pixels);
        const RunOptions options{.capacity = 3, .rows = 2};
        Tensor x({3, pixels, channels}, {.gap = gap}), y = x;
        x.randomize(1, 2);
        Tensor gamma = vectorOf(channels, 2), beta = vectorOf(channels, 3), mean = vectorOf(channels, 4),
               variance = vectorOf(channels, 5, 1.5f);
        CHECK(runOp("batchNorm.inference", {&x, &gamma, &beta, &mean, &variance}, {&y}, {kEps, 2, 0.25}, options).ok());
        for (int64_t p = 0; p < x.desc.livePixels(2); ++p) {
          for (int64_t c = 0; c < channels; ++c) {
            const double scale = gamma.element(c) / std::sqrt(variance.element(c) + kEps);
            double expected = (x.at(p, c) - mean.element(c)) * scale + beta.element(c);
            if (expected < 0) expected *= 0.25;
            REQUIRE_EACH(near(y.at(p, c), expected, 6 * kEpsilon * (2 * std::abs(scale) + 1)));
          }
        }
        Tensor inPlace = x;
        CHECK(runOp("batchNorm.inference", {&inPlace, &gamma, &beta, &mean, &variance}, {&inPlace}, {kEps, 2, 0.25},
                    options)
                  .ok());
        for (int64_t i = 0; i < x.liveElements(2); ++i) REQUIRE_EACH(inPlace.element(i) == y.element(i));
      }
    }
  }
}

// `base` shifts all values: the variance must survive a mean that dwarfs the deviations.
void checkTrain(Tensor& x, int64_t capacity, int64_t rows, int activation) {
  const int64_t channels = x.desc.channels(), pixels = x.desc.livePixels(rows);
  Tensor y = x, mean({channels}, {.batched = false}), variance = mean;
  Tensor gamma = vectorOf(channels, 2), beta = vectorOf(channels, 3);
  CHECK(runOp("batchNorm.train", {&x, &gamma, &beta}, {&y, &mean, &variance}, {kEps, double(activation), 0},
              {.capacity = capacity, .rows = rows})
            .ok());
  const auto n = static_cast<double>(pixels);
  for (int64_t c = 0; c < channels; ++c) {
    CAPTURE(c);
    const Statistics s = statisticsOf(x, pixels, c);
    const double meanTolerance = kEpsilon * (2 * s.magnitude + n * s.magnitude);
    REQUIRE_EACH(near(mean.element(c), s.mean, meanTolerance));
    // Single squares carry the rounding of x - shift; what cancels costs a factor of 17 at worst (train.cc).
    const double varianceTolerance = kEpsilon * (17 * n + 8) * s.variance + meanTolerance * meanTolerance;
    REQUIRE_EACH(near(variance.element(c), s.variance, varianceTolerance));
    const double scale = gamma.element(c) / std::sqrt(s.variance + kEps);
    const double relative = varianceTolerance / (s.variance + kEps) + 4 * kEpsilon;
    for (int64_t p = 0; p < pixels; ++p) {
      const double deviation = x.at(p, c) - s.mean;
      const double expected = deviation * scale + beta.element(c);
      const double tolerance = std::abs(scale) * (meanTolerance + relative * std::abs(deviation)) +
                               3 * kEpsilon * (std::abs(deviation * scale) + std::abs(beta.element(c)));
      REQUIRE_EACH(near(y.at(p, c), activation == 1 ? std::max(expected, 0.0) : expected, tolerance));
    }
  }
}

TEST_CASE("batchNorm.train: few and many channels, strided, pixels that leave a rest") {
  for (const int64_t channels : kChannelCounts) {
    for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
      for (const int64_t pixels : {1, 3, 16, 21, 130}) {
        CAPTURE(channels);
        CAPTURE(gap);
        CAPTURE(pixels);
        Tensor x({3, pixels, channels}, {.gap = gap});
        x.randomize(6, 2);
        checkTrain(x, 3, 2, 1);
      }
    }
  }
}

TEST_CASE("batchNorm.train: several chunks, and fewer rows than capacity") {
  for (const int64_t channels : {1, 3, 20, 300, 5000}) {
    CAPTURE(channels);
    const int64_t capacity = 400'000 / channels, rows = capacity - 7;
    Tensor x({capacity, 3, channels});
    x.randomize(7, rows);
    checkTrain(x, capacity, rows, 0);
  }
}

TEST_CASE("batchNorm.train: deviations a thousandth of the mean, outliers, one value per channel") {
  Tensor x({50, 40, 5});
  x.randomize(8, 50);
  for (int64_t i = 0; i < x.liveElements(50); ++i) x.element(i) += 1000.0f;
  checkTrain(x, 50, 50, 0);
  // The shift of the first chunk is then far from everything else.
  for (int64_t i = 0; i < 16 * 16 * 5; ++i) x.element(i) = 5000.0f;
  checkTrain(x, 50, 50, 0);
  Tensor single({4, 33});
  single.randomize(9, 1);
  checkTrain(single, 4, 1, 0);
}

TEST_CASE("batchNorm.train: NaN stays in its channel") {
  Tensor x({9, 4, 5}), y = x, gamma = vectorOf(5, 1), beta = vectorOf(5, 2), mean = gamma, variance = gamma;
  x.randomize(8, 9);
  x.at(30, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(runOp("batchNorm.train", {&x, &gamma, &beta}, {&y, &mean, &variance}, {kEps, 0, 0}, {.capacity = 9, .rows = 9})
            .ok());
  for (int64_t c = 0; c < 5; ++c) {
    REQUIRE_EACH(std::isnan(mean.element(c)) == (c == 3));
    REQUIRE_EACH(std::isnan(variance.element(c)) == (c == 3));
    for (int64_t p = 0; p < 36; ++p) REQUIRE_EACH(std::isnan(y.at(p, c)) == (c == 3));
  }
}

// `activation`: 0, or that of a relu behind the training form, with the channel sums of dx and in place of dy.
void checkBackward(Tensor& x, int64_t capacity, int64_t rows, bool train, int activation = 0) {
  const int64_t channels = x.desc.channels(), pixels = x.desc.livePixels(rows);
  Tensor dy = x, dx = x, dgamma({channels}, {.batched = false}), dbeta = dgamma;
  dy.randomize(11, rows);
  Tensor gamma = vectorOf(channels, 2), mean = vectorOf(channels, 3), variance = vectorOf(channels, 4, 1.5f);
  const char* op = train ? "batchNorm.trainBackward" : "batchNorm.inferenceBackward";
  const RunOptions options{.capacity = capacity, .rows = rows};
  Tensor none, beta = vectorOf(channels, 5), sums = beta, unfused = dy;
  if (!train) {
    CHECK(runOp(op, {&x, &gamma, &mean, &variance, &dy}, {&dx, &dgamma, &dbeta}, {kEps}, options).ok());
  } else if (activation == 0) {
    CHECK(runOp(op, {&x, &gamma, &mean, &variance, &dy, &none}, {&dx, &dgamma, &dbeta, &none}, {kEps, 0, 0}, options)
              .ok());
  } else {
    // What it fuses: the forward op and the gradient of its activation, then the sums of dx. All of it exactly.
    Tensor y = x;
    const double kind = activation;
    CHECK(runOp("batchNorm.inference", {&x, &gamma, &beta, &mean, &variance}, {&y}, {kEps, kind, 0.5}, options).ok());
    CHECK(runOp("activation.backward", {&y, &dy}, {&unfused, &none}, {kind, 0.5}, options).ok());
    Tensor expectedDx = x, expectedGamma = dgamma, expectedBeta = dbeta, expectedSums = sums;
    CHECK(runOp(op, {&x, &gamma, &mean, &variance, &unfused, &none},
                {&expectedDx, &expectedGamma, &expectedBeta, &none}, {kEps, 0, 0}, options)
              .ok());
    CHECK(runOp("channelSum", {&expectedDx}, {&expectedSums}, {}, options).ok());
    dx = dy;
    CHECK(
        runOp(op, {&x, &gamma, &mean, &variance, &dx, &beta}, {&dx, &dgamma, &dbeta, &sums}, {kEps, kind, 0.5}, options)
            .ok());
    for (int64_t c = 0; c < channels; ++c) {
      REQUIRE_EACH(dgamma.element(c) == expectedGamma.element(c));
      REQUIRE_EACH(dbeta.element(c) == expectedBeta.element(c));
      REQUIRE_EACH(sums.element(c) == expectedSums.element(c));
      for (int64_t p = 0; p < pixels; ++p) REQUIRE_EACH(dx.at(p, c) == expectedDx.at(p, c));
    }
    return;
  }
  const auto n = static_cast<double>(pixels);
  for (int64_t c = 0; c < channels; ++c) {
    CAPTURE(c);
    const double inverse = 1 / std::sqrt(variance.element(c) + kEps);
    double sum = 0, product = 0, sumMagnitude = 0, productMagnitude = 0;
    for (int64_t p = 0; p < pixels; ++p) {
      const double xhat = (x.at(p, c) - mean.element(c)) * inverse;
      sum += dy.at(p, c);
      product += dy.at(p, c) * xhat;
      sumMagnitude += std::abs(dy.at(p, c));
      productMagnitude += std::abs(dy.at(p, c) * xhat);
    }
    const double sumTolerance = kEpsilon * (n + 2) * sumMagnitude,
                 productTolerance = kEpsilon * (n + 6) * productMagnitude;
    REQUIRE_EACH(near(dbeta.element(c), sum, sumTolerance));
    REQUIRE_EACH(near(dgamma.element(c), product, productTolerance));
    for (int64_t p = 0; p < pixels; ++p) {
      const double xhat = (x.at(p, c) - mean.element(c)) * inverse, scale = gamma.element(c) * inverse;
      const double expected = train ? scale * (dy.at(p, c) - sum / n - xhat * product / n) : scale * dy.at(p, c);
      const double terms = std::abs(dy.at(p, c)) + (std::abs(sum) + std::abs(xhat * product)) / n;
      const double carried = (sumTolerance + std::abs(xhat) * productTolerance) / n;
      REQUIRE_EACH(near(dx.at(p, c), expected, std::abs(scale) * (6 * kEpsilon * terms + carried)));
    }
  }
}

TEST_CASE("batchNorm backward: both forms, few and many channels, strided, several chunks") {
  for (const bool train : {false, true}) {
    for (const int64_t channels : kChannelCounts) {
      for (const int64_t gap : {int64_t{0}, int64_t{3}}) {
        for (const int64_t pixels : {1, 5, 21, 130}) {
          CAPTURE(train);
          CAPTURE(channels);
          CAPTURE(gap);
          CAPTURE(pixels);
          Tensor x({3, pixels, channels}, {.gap = gap});
          x.randomize(6, 2);
          checkBackward(x, 3, 2, train);
          if (train) {
            for (const int activation : {1, 2, 5}) checkBackward(x, 3, 2, train, activation);
          }
        }
      }
    }
    for (const int64_t channels : {1, 3, 20, 300, 5000}) {
      CAPTURE(channels);
      const int64_t capacity = 400'000 / channels, rows = capacity - 7;
      Tensor x({capacity, 3, channels});
      x.randomize(7, rows);
      checkBackward(x, capacity, rows, train);
      if (train) checkBackward(x, capacity, rows, train, 1);
    }
  }
}

TEST_CASE("batchNorm.updateStatistics: in place, unbiased by the live rows") {
  for (const int64_t channels : kChannelCounts) {
    CAPTURE(channels);
    Tensor mean = vectorOf(channels, 1), variance = vectorOf(channels, 2, 2), runningMean = vectorOf(channels, 3),
           runningVariance = vectorOf(channels, 4, 2);
    Tensor oldMean = runningMean, oldVariance = runningVariance;
    CHECK(runOp("batchNorm.updateStatistics", {&mean, &variance, &runningMean, &runningVariance},
                {&runningMean, &runningVariance}, {0.1, 6}, {.capacity = 4, .rows = 2})
              .ok());
    for (int64_t c = 0; c < channels; ++c) {
      REQUIRE_EACH(near(runningMean.element(c), 0.9 * oldMean.element(c) + 0.1 * mean.element(c), 4 * kEpsilon));
      REQUIRE_EACH(near(runningVariance.element(c), 0.9 * oldVariance.element(c) + 0.1 * variance.element(c) * 12 / 11,
                        12 * kEpsilon));
    }
  }
  Tensor mean = vectorOf(3, 1), variance = vectorOf(3, 2), runningMean = mean, runningVariance = mean;
  variance.fill(0, 1);
  runningVariance.fill(1, 1);
  CHECK(runOp("batchNorm.updateStatistics", {&mean, &variance, &runningMean, &runningVariance},
              {&runningMean, &runningVariance}, {0.1, 1}, {})
            .ok());
  for (int64_t c = 0; c < 3; ++c) REQUIRE_EACH(near(runningVariance.element(c), 0.9, kEpsilon));  // one value: no 0 / 0
}

TEST_CASE("batchNorm.fold: with and without bias") {
  for (const int64_t outputs : kChannelCounts) {
    for (const bool biased : {false, true}) {
      CAPTURE(outputs);
      Tensor bias = vectorOf(outputs, 1), none, factor = bias, shift = bias;
      Tensor gamma = vectorOf(outputs, 3), beta = vectorOf(outputs, 4), mean = vectorOf(outputs, 5),
             variance = vectorOf(outputs, 6, 1.5f);
      CHECK(runOp("batchNorm.fold", {biased ? &bias : &none, &gamma, &beta, &mean, &variance}, {&factor, &shift},
                  {kEps}, {})
                .ok());
      for (int64_t o = 0; o < outputs; ++o) {
        const double scale = gamma.element(o) / std::sqrt(variance.element(o) + kEps);
        const double old = biased ? bias.element(o) : 0;
        REQUIRE_EACH(near(factor.element(o), scale, 6 * kEpsilon * std::abs(scale)));
        REQUIRE_EACH(near(shift.element(o), (old - mean.element(o)) * scale + beta.element(o), 12 * kEpsilon));
      }
    }
  }
}

TEST_CASE("batchNorm: refusals") {
  Tensor x({2, 4}), y({2, 4}), wide({2, 5}), four = vectorOf(4, 1), five = vectorOf(5, 1), rows({4});
  CHECK(refusal("batchNorm.inference", {&x, &four, &four, &four, &four}, {&y}, {kEps, 0, 0}) == "");
  CHECK(refusal("batchNorm.inference", {&x, &five, &four, &four, &four}, {&y}, {kEps, 0, 0}) ==
        "batchNorm.inference: gamma must be [4], got [5]");
  CHECK(refusal("batchNorm.inference", {&x, &four, &rows, &four, &four}, {&y}, {kEps, 0, 0}) ==
        "batchNorm.inference: beta must be [4], got [4] batched");
  CHECK(refusal("batchNorm.inference", {&x, &four, &four, &four, &five}, {&y}, {kEps, 0, 0}) ==
        "batchNorm.inference: variance must be [4], got [5]");
  CHECK(refusal("batchNorm.train", {&x, &four, &four}, {&wide, &four, &four}, {kEps, 0, 0}) ==
        "batchNorm.train: y must have the shape of x [2,4] batched, got [2,5] batched");
  CHECK(refusal("batchNorm.train", {&rows, &four, &four}, {&rows, &four, &four}, {kEps, 0, 0}) ==
        "batchNorm.train: x must have channels behind its rows, got [4] batched");
  Tensor none;
  const auto backward = [&](Tensor& dy, Tensor& beta, Tensor& sums, double activation) {
    return refusal("batchNorm.trainBackward", {&x, &four, &four, &four, &dy, &beta}, {&y, &four, &four, &sums},
                   {kEps, activation, 0});
  };
  CHECK(backward(y, none, none, 0) == "");
  CHECK(backward(y, four, five, 1) == "batchNorm.trainBackward: sums must be [4], got [5]");
  CHECK(backward(y, five, four, 1) == "batchNorm.trainBackward: beta must be [4], got [5]");
  CHECK(backward(y, four, four, 6) == "batchNorm.trainBackward: activation must be an integer from 0 to 5, got 6");
  CHECK(backward(y, four, none, 0) ==
        "batchNorm.trainBackward: activation and beta must come together, got activation 0 with beta");
  CHECK(backward(y, none, none, 1) ==
        "batchNorm.trainBackward: activation and beta must come together, got activation 1 without beta");
  CHECK(backward(wide, none, none, 0) ==
        "batchNorm.trainBackward: dy must have the shape of x [2,4] batched, got [2,5] batched");
  CHECK(refusal("batchNorm.inferenceBackward", {&x, &four, &four, &four, &y}, {&y, &five, &four}, {kEps}) ==
        "batchNorm.inferenceBackward: dgamma must be [4], got [5]");
  CHECK(refusal("batchNorm.updateStatistics", {&four, &four, &four, &four}, {&four, &four}, {0.1, 0}) ==
        "batchNorm.updateStatistics: pixelsPerRow must be an integer from 1 to 2147483647, got 0");
  CHECK(refusal("batchNorm.updateStatistics", {&four, &four, &five, &four}, {&four, &four}, {0.1, 1}) ==
        "batchNorm.updateStatistics: runningMean must be [4], got [5]");
  CHECK(refusal("batchNorm.fold", {&five, &four, &four, &four, &four}, {&four, &four}, {kEps}) ==
        "batchNorm.fold: bias must be [4], got [5]");
  CHECK(refusal("batchNorm.fold", {&four, &x, &four, &four, &four}, {&four, &four}, {kEps}) ==
        "batchNorm.fold: gamma must be [4], got [2,4] batched");
}

}  // namespace
}  // namespace striate::test
