// Depthwise convolution where conv2d_algorithms_test.cc does not look: the names of the tiles, and stores past the
// caches.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/memory.h"
#include "kernels/conv2d/depthwiseWindow.h"
#include "kernels/plan.h"
#include "simd/activationCodes.h"
#include "test/isa.h"
#include "test/op_fixture.h"

namespace striate::test {
namespace {

std::string tileOf(const std::string& kernel) {
  const size_t begin = kernel.find("depthwise_") + 10;
  return kernel.substr(begin, kernel.find("__") - begin) + " ";
}

std::string tilesOf(int64_t size, int64_t channels, int64_t kernel, int64_t stride) {
  const double pad = static_cast<double>(kernel / 2), step = static_cast<double>(stride);
  const int64_t out = (size - 1) / stride + 1;
  Tensor x({1, size, size, channels}), filter({kernel, kernel, 1, channels}, {false}), y({1, out, out, channels}), none;
  std::vector<double> window = {step, step, pad, pad, pad, pad, 1, 1, static_cast<double>(channels), 0, 0};
  std::vector<double> forward = window;
  forward.insert(forward.end(), {0, 0});
  return tileOf(kernelOf("conv2d", {&x, &filter, &none, &none, &none}, {&y}, forward)) +
         tileOf(kernelOf("conv2d.backwardInput", {&y, &filter}, {&x}, window)) +
         tileOf(kernelOf("conv2d.backwardFilter", {&x, &y}, {&filter}, window));
}

TEST_CASE("depthwise: windows of 3 and 5 have tiles of their own") {
  CHECK(tilesOf(56, 144, 3, 1) == "3x3s1_2x4 3x3s1_2x4 3x3s1_1x7 ");
  CHECK(tilesOf(14, 144, 3, 2) == "3x3s2_2x4 3x3s2_2x8 3x3s2_1x7 ");
  CHECK(tilesOf(56, 144, 3, 2) == "3x3s2_2x2 3x3s2_2x8 3x3s2_1x7 ");
  CHECK(tilesOf(56, 144, 5, 1) == "5x5s1_1x7 5x5s1_1x7 5x5s1_1x7 ");
  CHECK(tilesOf(14, 24, 5, 2) == "5x5s2_1x7 5x5s2_2x8 5x5s2_1x7 ");
  CHECK(tilesOf(14, 24, 3, 3) == "4 4 4 ");
  CHECK(tilesOf(15, 24, 7, 1) == "4 4 4 ");
}

TEST_CASE("depthwise: stores past the caches give the same bits wherever the outputs begin") {
  const DepthwiseWindowKernels& kernels = STRIATE_KERNELS_TO_AVX512(testIsa(), kDepthwiseWindow);
  constexpr int64_t kHeight = 11, kWidth = 150, kChannels = 16, kGuard = 32;
  std::vector<float> x(kHeight * kWidth * kChannels), w(25 * kChannels), zeros(kChannels);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) / 48 - 1;
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i % 13) - 6;
  for (const DepthwiseWindowKernel& kernel : kernels.window) {
    if (kernel.band == nullptr) continue;  // avx512 has fewer
    const int64_t pad = kernel.kernel / 2, height = (kHeight - 1) / kernel.stride + 1,
                  width = (kWidth - 1) / kernel.stride + 1;
    const int64_t outputs = height * width * kChannels;
    const auto run = [&](float* y, int activation, bool beyondCaches, bool streams) {
      for (int64_t row = 0; row < height; row += kernel.bandRows) {
        DepthwiseBand band{};
        band.x = x.data();
        band.height = kHeight;
        band.width = kWidth;
        band.xRow = kWidth * kChannels;
        band.xPixel = band.yPixel = band.channels = kChannels;
        band.zeros = zeros.data();
        band.y = y + row * width * kChannels;
        band.firstRow = row;
        band.rows = std::min<int64_t>(kernel.bandRows, height - row);
        band.outWidth = width;
        band.yRow = width * kChannels;
        band.w = w.data();
        band.padTop = band.padLeft = pad;
        band.activation = activation;
        band.beyondCaches = beyondCaches;
        band.streams = streams;
        kernel.band(band);
      }
    };
    for (const int activation : {kActivationNone, kActivationRelu, kActivationTanh}) {
      std::vector<float> plain(static_cast<size_t>(outputs));
      run(plain.data(), activation, false, false);
      for (const bool streams : {true, false}) {
        for (const int64_t offset : {0, 1, 4, 13}) {  // floats after the beginning of a line
          if (streams && offset > 0) continue;
          AlignedMemory memory;
          REQUIRE(memory.allocate(static_cast<size_t>(outputs + 2 * kGuard) * sizeof(float)).ok());
          float* all = reinterpret_cast<float*>(memory.data());
          std::fill_n(all, outputs + 2 * kGuard, -123.f);
          float* y = all + 16 + offset;
          run(y, activation, true, streams);
          CHECK(std::memcmp(plain.data(), y, plain.size() * sizeof(float)) == 0);
          CHECK(std::all_of(all, y, [](float value) { return value == -123.f; }));
          CHECK(std::all_of(y + outputs, all + outputs + 2 * kGuard, [](float value) { return value == -123.f; }));
        }
      }
    }
  }
}

}  // namespace
}  // namespace striate::test
