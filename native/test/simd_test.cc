// The vector contract (simd/vec.h) and the elementary functions against float64, on the ISA under test.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "test/isa.h"
#include "test/simd/simd_table.h"

using namespace striate;

namespace {

const SimdTable& table() {
#if defined(__x86_64__)
  return testIsa() == Isa::avx512 ? kSimdAvx512 : testIsa() == Isa::avx2 ? kSimdAvx2 : kSimdSse2;
#else
  return kSimdNeon;
#endif
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Distance in units of the last place of the float nearest to `expected`.
double ulps(float got, double expected) {
  const float nearest = static_cast<float>(expected);
  if (std::isnan(expected)) return std::isnan(got) ? 0 : 1e9;
  if (std::isinf(nearest) || nearest == got) return got == nearest ? 0 : 1e9;
  const double unit =
      std::max(std::ldexp(1.0, std::ilogb(nearest == 0 ? 1e-45f : nearest) - 23), std::ldexp(1.0, -149));
  return std::fabs(got - expected) / unit;
}

// Every 9973rd float pattern, denormals and infinities included, and the places where things change.
std::vector<float> sweep() {
  std::vector<float> x;
  for (uint64_t bits = 0; bits <= 0xffffffffu; bits += 9973) {
    float value;
    const uint32_t pattern = static_cast<uint32_t>(bits);
    std::memcpy(&value, &pattern, 4);
    x.push_back(value);
  }
  for (float value : {0.0f, -0.0f, kInfinity, -kInfinity, kNan, 1.0f, -1.0f, 88.72284f, 88.7229f, -87.33654f, -103.9f,
                      -104.5f, 1.17549435e-38f, 1e-45f, 0.625f, 0.62499f, 9.01f, -9.01f}) {
    x.push_back(value);
  }
  for (float value = -110; value < 110; value += 0.0173f) x.push_back(value);
  return x;
}

template <class Kernel, class Exact>
void checkUlps(Kernel kernel, double bound, Exact exact, double flushed = 0) {
  const std::vector<float> x = sweep();
  std::vector<float> y(x.size());
  kernel(x.data(), y.data(), static_cast<int64_t>(x.size()));
  double most = 0;
  float where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = exact(static_cast<double>(x[i]));
    if (y[i] == 0 && std::fabs(expected) < flushed) continue;
    const double distance = ulps(y[i], expected);
    if (distance > most) {
      most = distance;
      where = x[i];
    }
  }
  INFO("worst at ", where);
  CHECK(most < bound);
}

}  // namespace

TEST_CASE("exp, log, sigmoid and tanh are right to a few ulp over all floats") {
  checkUlps(table().exp, 1.0, [](double x) { return std::exp(x); });
  checkUlps(table().log, 1.0, [](double x) { return std::log(x); });
  checkUlps(table().tanh, 1.5, [](double x) { return std::tanh(x); });
  // e^-x overflows where the sigmoid is denormal: 0 is right there, since kernels flush denormals.
  checkUlps(
      table().sigmoid, 2.5, [](double x) { return 1 / (1 + std::exp(-x)); }, 1.18e-38);
}

TEST_CASE("lane-wise operations, NaN rules included") {
  const float values[] = {0.0f, -0.0f, 1.5f, -2.25f, kNan, kInfinity, -kInfinity, 3e-39f, 7.0f};
  const int width = table().width;
  for (float fa : values) {
    for (float fb : values) {
      const float fc = 0.75f;
      std::vector<float> a(width, fa), b(width, fb), c(width, fc), results(64 * width);
      const int count = table().lanes(a.data(), b.data(), c.data(), results.data());
      const bool fused = testIsa() != Isa::sse2;
      const float product = fa * fb;
      const float expected[] = {
          fa + fb,
          fa - fb,
          fa * fb,
          fa / fb,
          fused ? std::fma(fa, fb, fc) : product + fc,
          fused ? std::fma(-fa, fb, fc) : fc - product,
          fa > fb ? fa : fb,
          fa < fb ? fa : fb,
          std::isnan(fa) || std::isnan(fb) ? kNan : std::max(fa, fb),
          std::isnan(fa) || std::isnan(fb) ? kNan : std::min(fa, fb),
          std::copysign(fa, fb),
          std::sqrt(std::fabs(fa)),
          -fa,
          fa < fb ? 1.0f : 0.0f,
          fa <= fb ? 1.0f : 0.0f,
          fa > fb ? 1.0f : 0.0f,
          fa >= fb ? 1.0f : 0.0f,
          fa == fb ? 1.0f : 0.0f,
          std::isnan(fa) ? 1.0f : 0.0f,
          fa < fb && fb < fc ? 1.0f : 0.0f,
          std::isnan(fa) ? 1.0f : 0.0f,
          std::isnan(fa) || std::isnan(fb) ? 1.0f : 0.0f,
          fa < fb ? fc : 0.0f,
          fa < fb ? 0.0f : fc,
      };
      REQUIRE(count == static_cast<int>(std::size(expected)));
      for (int i = 0; i < count; ++i) {
        for (int lane = 0; lane < width; ++lane) {
          CAPTURE(i);
          CAPTURE(fa);
          CAPTURE(fb);
          const float got = results[i * width + lane];
          if (std::isnan(expected[i])) {
            CHECK(std::isnan(got));
          } else {
            CHECK(got == expected[i]);
          }
        }
      }
    }
  }
}

TEST_CASE("a streaming store stores") {
  alignas(64) float y[16] = {};
  float x[16];
  for (int i = 0; i < 16; ++i) x[i] = static_cast<float>(i + 1);
  table().copyStream(x, y);
  for (int i = 0; i < 16; ++i) CHECK(y[i] == (i < table().width ? x[i] : 0.0f));
}

TEST_CASE("partial loads and stores touch their lanes only") {
  const int width = table().width;
  for (int n = 0; n <= width; ++n) {
    std::vector<float> x(n), y(width + 2, -7.0f);
    for (int i = 0; i < n; ++i) x[i] = static_cast<float>(i + 1);
    table().copyPartial(x.data(), y.data() + 1, n);  // under ASan, a read past x is an error
    for (int i = 0; i < width + 2; ++i) CHECK(y[i] == (i >= 1 && i <= n ? static_cast<float>(i) : -7.0f));

    std::vector<uint8_t> bytes(n);
    for (int i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(255 - 31 * i);
    std::vector<float> wide(width);
    table().loadU8Partial(bytes.data(), wide.data(), n);
    for (int i = 0; i < width; ++i) CHECK(wide[i] == (i < n ? static_cast<float>(bytes[i]) : 0.0f));
  }
}

TEST_CASE("stores of bytes round to the nearest, ties to even, saturate, and touch their lanes only") {
  const int width = table().width;
  struct Sample {
    float value;
    int byte;
  };
  const Sample samples[] = {{0, 0},      {0.5f, 0},   {1.5f, 2},        {2.5f, 2},      {2.50001f, 3},  {-0.0f, 0},
                            {-0.6f, 0},  {-300, 0},   {254.5f, 254},    {254.6f, 255},  {255.49f, 255}, {256, 255},
                            {1e6f, 255}, {3e9f, 255}, {-3e9f, 0},       {1e30f, 255},   {-1e30f, 0},    {kNan, 0},
                            {-kNan, 0},  {127, 127},  {kInfinity, 255}, {-kInfinity, 0}};
  const int count = static_cast<int>(std::size(samples));
  for (int first = 0; first < count; ++first) {
    std::vector<float> x(width);
    for (int i = 0; i < width; ++i) x[i] = samples[(first + i) % count].value;
    for (int n = 0; n <= width; ++n) {
      std::vector<uint8_t> y(width + 2, 77);
      table().storeU8Partial(x.data(), y.data() + 1, n);
      for (int i = 0; i < width + 2; ++i) {
        CHECK(y[i] == (i >= 1 && i <= n ? samples[(first + i - 1) % count].byte : 77));
      }
    }
  }
}

TEST_CASE("reductions cover every lane") {
  const int width = table().width;
  std::vector<float> x(width);
  float sum = 0;
  for (int i = 0; i < width; ++i) sum += x[i] = static_cast<float>(1 << i);
  CHECK(table().reduceAdd(x.data()) == sum);
  for (int i = 0; i < width; ++i) {
    std::vector<float> y(width, -3.0f);
    y[i] = 2.0f;
    CHECK(table().reduceMaxPropagate(y.data()) == 2.0f);
    y[i] = kNan;
    CHECK(std::isnan(table().reduceMaxPropagate(y.data())));
  }
}

TEST_CASE("transpose swaps lanes and rows") {
  const int width = table().width;
  std::vector<float> x(width * width), y(width * width);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  table().transpose(x.data(), y.data());
  for (int i = 0; i < width; ++i) {
    for (int j = 0; j < width; ++j) CHECK(y[i * width + j] == x[j * width + i]);
  }
}
