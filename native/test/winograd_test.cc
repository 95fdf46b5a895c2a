// Winograd's driver in both of its sizes, whatever the menu would choose, against plain double-precision loops: the
// error must stay within the bound that native/kernels/winograd/conv.cc derives.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/plan.h"
#include "kernels/winograd/conv.h"
#include "test/isa.h"
#include "test/op_fixture.h"
#include "test/winograd_bound.h"
#include "test/with_threads.h"

namespace striate::test {
namespace {

struct Trial {
  int64_t images = 1, h = 9, w = 11, channels = 5, columns = 7, top = 1, left = 1, targetH = 0, targetW = 0;
  bool rotated = false, scaled = false, shared = false;
  int64_t blockTiles = 4, groupPanels = 2;
  std::string text() const {
    return std::to_string(images) + "x" + std::to_string(h) + "x" + std::to_string(w) + "x" + std::to_string(channels) +
           " to " + std::to_string(columns) + " pads " + std::to_string(top) + "," + std::to_string(left) +
           (rotated ? " rotated" : "") + (shared ? " shared" : "");
  }
};

// The worst error of a trial in units of its bound. values(i) fills the input, weights(i) the filter.
template <class Values, class Weights>
double worstError(const Trial& trial, int edge, const Values& values, const Weights& weights) {
  const int64_t oh = trial.targetH > 0 ? trial.targetH : trial.h, ow = trial.targetW > 0 ? trial.targetW : trial.w;
  WinogradSpec spec;
  spec.kernels = &STRIATE_KERNELS_TO_AVX512(testIsa(), kWinograd);
  spec.layout.edge = edge;
  spec.layout.blockTiles = trial.blockTiles;
  spec.layout.groupPanels = trial.groupPanels;
  spec.layout.shared = trial.shared;
  spec.images = trial.images;
  spec.sourceH = trial.h;
  spec.sourceW = trial.w;
  spec.channels = trial.channels;
  spec.targetH = oh;
  spec.targetW = ow;
  spec.columns = trial.columns;
  spec.top = trial.top;
  spec.left = trial.left;
  spec.sourcePixel = trial.channels;
  spec.targetPixel = trial.columns;
  spec.tapStride = trial.channels * trial.columns;
  spec.rotated = trial.rotated;
  spec.depthStride = trial.rotated ? 1 : trial.columns;
  spec.columnStride = trial.rotated ? trial.channels : 1;
  const WinogradConv conv(spec);

  const auto floats = [](int64_t n) { return std::vector<float>(static_cast<size_t>(n), std::nanf("")); };
  std::vector<float> x = floats(trial.images * trial.h * trial.w * trial.channels);
  std::vector<float> filter = floats(9 * trial.channels * trial.columns);
  std::vector<float> scale = floats(trial.rotated ? trial.channels : trial.columns);
  std::vector<float> y = floats(trial.images * oh * ow * trial.columns);
  for (size_t i = 0; i < x.size(); ++i) x[i] = values(i);
  for (size_t i = 0; i < filter.size(); ++i) filter[i] = weights(i);
  for (size_t i = 0; i < scale.size(); ++i) scale[i] = trial.scaled ? 0.5f + 0.25f * static_cast<float>(i % 5) : 1.0f;
  std::vector<float> packed = floats(static_cast<int64_t>(conv.packedBytes() / sizeof(float)) + 1);
  std::vector<std::byte> scratch(conv.scratchBytes(), std::byte{0xff});
  ThreadPool& pool = ThreadPool::instance();
  conv.pack(pool, filter.data(), trial.scaled ? scale.data() : nullptr, packed.data());
  REQUIRE(std::isnan(packed.back()));
  WinogradOperands operands;
  operands.images = trial.images;
  operands.source = x.data();
  operands.packed = packed.data();
  operands.target = y.data();
  operands.scratch = scratch.data();
  conv.run(pool, operands);

  std::vector<float> again = floats(static_cast<int64_t>(y.size()));
  operands.target = again.data();
  if (trial.shared) {  // cut, and shared or not, as the number of threads asks for
    for (int threads : {1, 3, 5}) {
      const WithThreads with(std::min(threads, ThreadPool::maxSlots()));
      std::fill(again.begin(), again.end(), std::nanf(""));
      conv.run(pool, operands);
      REQUIRE(std::memcmp(y.data(), again.data(), y.size() * sizeof(float)) == 0);
    }
  }

  // Tasks that transform the filter for themselves, a part of its channels at a time, give the same bits.
  spec.layout.packsInTasks = spec.layout.shared = true;
  spec.layout.blockTiles = trial.images * spec.tilesPerImage();
  spec.layout.groupPanels = 1;
  const WinogradConv inTasks(spec);
  std::vector<std::byte> own(inTasks.scratchBytes(), std::byte{0xff});
  operands.packed = nullptr;
  operands.filter = filter.data();
  operands.scale = trial.scaled ? scale.data() : nullptr;
  operands.scratch = own.data();
  std::fill(again.begin(), again.end(), std::nanf(""));
  inTasks.run(pool, operands);
  REQUIRE(std::memcmp(y.data(), again.data(), y.size() * sizeof(float)) == 0);

  const auto source = [&](int64_t n, int64_t h, int64_t w, int64_t c) {
    return x[static_cast<size_t>(((n * trial.h + h) * trial.w + w) * trial.channels + c)];
  };
  const auto weight = [&](int64_t a, int64_t b, int64_t c, int64_t k) {
    const int64_t tap = trial.rotated ? 8 - (a * 3 + b) : a * 3 + b;
    const float s = scale[static_cast<size_t>(trial.rotated ? c : k)];
    return s * filter[static_cast<size_t>(tap * spec.tapStride + c * spec.depthStride + k * spec.columnStride)];
  };
  const std::vector<double> bound = winogradBound(
      edge, {trial.images, trial.h, trial.w, trial.channels, oh, ow, trial.columns, trial.top, trial.left}, source,
      weight);
  std::vector<double> taps;  // [3][3][channels][columns]
  for (int64_t a = 0; a < 3; ++a)
    for (int64_t b = 0; b < 3; ++b)
      for (int64_t c = 0; c < trial.channels; ++c)
        for (int64_t k = 0; k < trial.columns; ++k) taps.push_back(weight(a, b, c, k));
  double worst = 0;
  size_t at = 0;
  std::vector<double> sums(static_cast<size_t>(trial.columns));
  for (int64_t n = 0; n < trial.images; ++n)
    for (int64_t i = 0; i < oh; ++i)
      for (int64_t j = 0; j < ow; ++j) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (int64_t a = 0; a < 3; ++a)
          for (int64_t b = 0; b < 3; ++b) {
            const int64_t h = i - trial.top + a, w = j - trial.left + b;
            if (h < 0 || h >= trial.h || w < 0 || w >= trial.w) continue;
            const double* row = &taps[static_cast<size_t>((a * 3 + b) * trial.channels * trial.columns)];
            for (int64_t c = 0; c < trial.channels; ++c, row += trial.columns) {
              const double value = source(n, h, w, c);
              double* sum = sums.data();
              for (int64_t k = 0; k < trial.columns; ++k) sum[k] += value * row[k];
            }
          }
        for (const double sum : sums) {
          const double error = std::abs(static_cast<double>(y[at]) - sum);
          if (!(error <= bound[at])) {
            INFO(trial.text(), " edge ", edge, " element ", at, " expected ", sum, " got ", y[at], " bound ",
                 bound[at]);
            REQUIRE(error <= bound[at]);
          }
          if (bound[at] > 0) worst = std::max(worst, error / bound[at]);
          ++at;
        }
      }
  return worst;
}

// Uniform in [-1, 1), from a generator of its own.
float uniform(size_t i, uint32_t seed) {
  uint32_t state = (static_cast<uint32_t>(i) + seed * 7919u) * 2654435761u + 12345u;
  state ^= state >> 15;
  state = state * 2246822519u;
  state ^= state >> 13;
  return static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
}
float values(size_t i) { return uniform(i, 1); }
float weights(size_t i) { return uniform(i, 2); }

void checkBoth(const Trial& trial) {
  for (int edge : {2, 4}) {
    for (bool shared : {false, true}) {
      Trial t = trial;
      t.shared = shared;
      worstError(t, edge, values, weights);
    }
  }
}

}  // namespace

TEST_CASE("winograd: channels and filters around every vector and panel") {
  for (int64_t channels : {1, 3, 4, 7, 8, 9, 16, 17, 33}) checkBoth({.channels = channels});
  for (int64_t columns : {1, 3, 4, 5, 8, 9, 15, 16, 17, 24, 25, 33, 40, 67}) {
    checkBoth({.h = 5, .w = 6, .columns = columns});
    checkBoth({.h = 5, .w = 6, .columns = columns, .rotated = true, .scaled = true});
  }
}

TEST_CASE("winograd: images of every size, pads of every sign") {
  for (int64_t h = 1; h <= 9; ++h) {
    for (int64_t w : {1, 2, 3, 4, 5, 6, 8, 13}) checkBoth({.images = 2, .h = h, .w = w, .channels = 3, .scaled = true});
  }
  for (int64_t top : {-3, -1, 0, 1, 2, 5}) {
    for (int64_t left : {-2, 0, 2, 7}) {
      for (int64_t extra : {0, 1, 3}) {
        checkBoth({.top = top, .left = left, .targetH = 8 + extra, .targetW = 9 + extra});
        checkBoth({.h = 3,
                   .w = 2,
                   .channels = 9,
                   .top = top,
                   .left = left,
                   .targetH = 1 + extra,
                   .targetW = 2,
                   .rotated = true});
      }
    }
  }
}

TEST_CASE("winograd: blocks and groups that do not divide the work") {
  for (int64_t block : {1, 2, 5, 6, 7, 13, 100}) {
    for (int64_t group : {1, 2, 3, 9})
      checkBoth({.images = 3, .h = 10, .w = 9, .columns = 50, .blockTiles = block, .groupPanels = group});
  }
  // Filters too large for threads to take tiles of their own; of so many columns that each of up to four threads
  // gathers the tiles of a shared block for itself, and of fewer.
  for (int edge : {2, 4}) {
    const auto check = [edge](const Trial& trial) { worstError(trial, edge, values, weights); };
    const int64_t channels = edge == 2 ? 33 : 16;
    check({.h = 9, .w = 10, .channels = channels, .columns = 330, .shared = true, .groupPanels = 3});
    check({.h = 9, .w = 10, .channels = channels, .columns = 330, .shared = true, .blockTiles = 100});
    check({.h = 9, .w = 10, .channels = 5 * channels, .columns = 70, .shared = true});
  }
}

// The bound is a worst case; what is typical is far below it. It must hold where rounding is at its worst too.
TEST_CASE("winograd: the error stays within its bound on hostile inputs") {
  const Trial deep{.h = 8, .w = 8, .channels = 300, .columns = 20};
  for (int edge : {2, 4}) {
    CHECK(worstError(deep, edge, values, weights) < 0.1);
    // Neighbours of the same size and alternating sign: the transforms grow as far as they can, and sums cancel.
    worstError(
        deep, edge, [](size_t i) { return (i / 300 + i / 2400) % 2 == 0 ? 1.0f : -1.0f; },
        [](size_t i) { return (i / 20) % 3 == 1 ? -1.0f : 1.0f; });
    // Twelve decades in one tile: the small ones drown in the rounding of the large, as the bound allows.
    const auto decades = [](size_t i) { return uniform(i, 3) * std::pow(10.0f, 6 * uniform(i, 4)); };
    worstError(deep, edge, decades, weights);
    worstError(deep, edge, decades, [](size_t i) { return uniform(i, 5) * std::pow(10.0f, 4 * uniform(i, 6)); });
    // A large constant under small differences, with a filter that sums to zero: all of it cancels.
    worstError(
        deep, edge, [](size_t i) { return 1000.0f + uniform(i, 7); },
        [](size_t i) { return (i / 6000) % 9 == 4 ? 8.0f : -1.0f; });
    // One pixel in a field of zeros, one weight in a filter of zeros: exact in direct convolution, not here.
    worstError(
        deep, edge, [](size_t i) { return i % 97 == 0 ? 3.0f : 0.0f; },
        [](size_t i) { return i % 89 == 0 ? 5.0f : 0.0f; });
  }
}

TEST_CASE("winograd: a NaN is never lost, and stays among the tiles that read it") {
  for (int edge : {2, 4}) {
    for (int64_t at = 0; at < 8 * 8; ++at) {
      WinogradSpec spec;
      spec.kernels = &STRIATE_KERNELS_TO_AVX512(testIsa(), kWinograd);
      spec.layout.edge = edge;
      spec.images = 1;
      spec.sourceH = spec.sourceW = spec.targetH = spec.targetW = 8;
      spec.channels = spec.columns = spec.sourcePixel = spec.targetPixel = 1;
      spec.tapStride = spec.depthStride = spec.columnStride = 1;
      spec.top = spec.left = 1;
      spec.activation = kActivationRelu;
      const WinogradConv conv(spec);
      std::vector<float> x(64), y(64), filter(9), packed(conv.packedBytes() / sizeof(float));
      for (size_t i = 0; i < 64; ++i) x[i] = values(i);
      for (size_t i = 0; i < 9; ++i) filter[i] = weights(i);
      x[static_cast<size_t>(at)] = std::nanf("");
      std::vector<std::byte> scratch(conv.scratchBytes());
      ThreadPool& pool = ThreadPool::instance();
      conv.pack(pool, filter.data(), nullptr, packed.data());
      WinogradOperands operands;
      operands.images = 1;
      operands.source = x.data();
      operands.packed = packed.data();
      operands.target = y.data();
      operands.scratch = scratch.data();
      conv.run(pool, operands);
      for (int64_t i = 0; i < 64; ++i) {
        const int64_t h = i / 8, w = i % 8;
        INFO("edge ", edge, " NaN at ", at, " output ", i);
        if (std::abs(h - at / 8) <= 1 && std::abs(w - at % 8) <= 1) CHECK(std::isnan(y[static_cast<size_t>(i)]));
        const bool reads = h / edge * edge - 1 <= at / 8 && at / 8 <= h / edge * edge + edge &&
                           w / edge * edge - 1 <= at % 8 && at % 8 <= w / edge * edge + edge;
        if (!reads) CHECK(!std::isnan(y[static_cast<size_t>(i)]));
      }
    }
  }
}

TEST_CASE("winograd: where the menu takes it, and why not elsewhere") {
  const OpEntry& entry = *findOp("conv2d");
  struct Asked {
    int64_t images, size, channels, filters;
    bool constant = true;
    uint64_t budget = UINT64_MAX;
    double exact = 0;
  };
  const auto plan = [&](const Asked& a) {
    const auto tensor = [](std::vector<int64_t> dims, bool batched, bool constant) {
      TensorDesc desc;
      desc.present = true;
      desc.rank = 4;
      for (size_t i = 0; i < 4; ++i) desc.dims[i] = dims[i];
      desc.pixelStride = dims[3];
      desc.batched = batched;
      desc.constant = constant;
      return desc;
    };
    const TensorDesc in[5] = {tensor({a.images, a.size, a.size, a.channels}, true, false),
                              tensor({3, 3, a.channels, a.filters}, false, a.constant), TensorDesc(), TensorDesc(),
                              TensorDesc()};
    const TensorDesc out = tensor({a.images, a.size, a.size, a.filters}, true, false);
    const double attributes[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, a.exact};
    OpRequest request;
    request.in = in;
    request.out = &out;
    request.attributes = attributes;
    request.rows = a.images;
    request.isa = testIsa();
    request.packedBudget = a.budget;
    return entry.plan(request);
  };
  const auto reason = [&](const Asked& a, const std::string& name) {
    const std::unique_ptr<OpPlan> planned = plan(a);
    for (const std::string& why : planned->declined) {
      if (why.rfind(name + ": ", 0) == 0) return why.substr(name.size() + 2);
    }
    return std::string("accepted");
  };
  CHECK(plan({1, 56, 64, 64})->algorithm == "winograd4x4");
  CHECK(plan({1, 28, 128, 128})->algorithm == "winograd4x4");
  // 9 MB of filter for 4x4, 4 for 2x2: where products are fast and memory is slow, that decides.
  const bool waitsForFilters = testIsa() == Isa::avx512 && hasFarL3();
  CHECK(plan({1, 14, 256, 256})->algorithm == (waitsForFilters ? "winograd2x2" : "winograd4x4"));
  CHECK(plan({8, 14, 256, 256})->algorithm == "winograd4x4");
  CHECK(plan({16, 7, 512, 512})->algorithm == "winograd4x4");
  CHECK(plan({16, 56, 64, 64, false})->algorithm == "winograd4x4");
  CHECK(plan({16, 7, 512, 512})->packedBytes() > size_t{36} * 512 * 512 * 4);
  CHECK(plan({1, 8, 16, 16})->algorithm == "implicitGemm");
  CHECK(reason({1, 8, 16, 16}, "winograd4x4") == "too little work");
  CHECK(plan({1, 56, 64, 64, true, UINT64_MAX, 1})->algorithm == "implicitGemm");
  CHECK(reason({1, 56, 64, 64, true, UINT64_MAX, 1}, "winograd4x4") == "precision is exact");
  if (testIsa() == Isa::avx2 || testIsa() == Isa::avx512) {
    // One image of 7x7: reading the transformed filter is the limit, and 2x2 has less than half of it.
    CHECK(plan({1, 7, 512, 512})->algorithm == "winograd2x2");
    // 5 MB hold the transformed filter of 2x2 but not that of 4x4.
    const Asked small{1, 14, 256, 256, true, 5000000};
    CHECK(plan(small)->algorithm == "winograd2x2");
    CHECK(reason(small, "winograd4x4").find("bytes of transformed filter exceed the budget") != std::string::npos);
    CHECK(plan({1, 14, 256, 256, true, 1000000})->packedBytes() == 0);
  }
}

}  // namespace striate::test
