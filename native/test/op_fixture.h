// Runs an op as the Program runner does, between guards. Every run happens twice, on one thread that begins with the
// last task and on several that begin with the first (under sanitizers on several only), and must give the same bits;
// what an op may not write must keep its bits too: operands, gaps between strided pixels, rows beyond the live ones,
// bands before and behind. Unused memory holds NaN, so that reading it shows.
#pragma once
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/op.h"

namespace striate::test {

struct TensorOptions {
  bool batched = true;
  int64_t gap = 0;     // elements between the channels of one pixel and the next
  int64_t offset = 1;  // elements before the first: 1 to break every alignment
  Dtype dtype = Dtype::f32;
};

class Tensor {
 public:
  Tensor() = default;  // an operand that is left out
  Tensor(std::vector<int64_t> dims, TensorOptions options = {});

  TensorDesc desc;

  template <class T = float>
  T* data() {
    return reinterpret_cast<T*>(bytes_.data()) + offset_;
  }
  template <class T = float>
  T& at(int64_t pixel, int64_t channel) {
    return data<T>()[pixel * desc.pixelStride + channel];
  }
  float* pixel(int64_t p) { return data() + p * desc.pixelStride; }
  // Element i in row-major order.
  float& element(int64_t i) {
    if (desc.pixelStride == desc.channels()) return data()[i];
    return at(i / desc.channels(), i % desc.channels());
  }
  float& image(int64_t n, int64_t h, int64_t w, int64_t c) { return at((n * desc.dims[1] + h) * desc.dims[2] + w, c); }
  int64_t liveElements(int64_t rows) const { return desc.livePixels(rows) * desc.liveChannels(rows); }

  // Live elements from a generator of its own: uniform in [-1, 1), or integers in [-steps, steps], for ties.
  Tensor& randomize(uint32_t seed, int64_t rows, int steps = 0);
  Tensor& fill(float value, int64_t rows);

  std::vector<uint8_t>& bytes() { return bytes_; }
  // All bytes, with those of the live elements taken from `other`, bytes of a tensor like this one.
  std::vector<uint8_t> withLiveBytesOf(const std::vector<uint8_t>& other, int64_t rows) const;

 private:
  int64_t offset_ = 0;
  std::vector<uint8_t> bytes_;
};

struct RunOptions {
  int64_t capacity = 1;
  int64_t rows = 1;
  double learningRate = 0;
  int threads = 3;
  uint64_t packedBudget = UINT64_MAX;
};

// Verifies, plans and runs. A result may be the very Tensor of an operand. Checks what is said above with doctest.
Status runOp(const char* name, std::vector<Tensor*> in, std::vector<Tensor*> out, std::vector<double> attributes,
             const RunOptions& options);

// The message with which an op refuses its operands at capacity `rows`; empty if it takes them.
std::string refusal(const char* name, std::vector<Tensor*> in, std::vector<Tensor*> out, std::vector<double> attributes,
                    int64_t rows = 1);

// The kernel that an op would run: "softmax_fwd_f32__avx2".
std::string kernelOf(const char* name, std::vector<Tensor*> in, std::vector<Tensor*> out,
                     std::vector<double> attributes, int64_t rows = 1);

// activation(x) by its code (simd/activationCodes.h), in double precision.
double activate(int code, double slope, double x);

// Equal within `tolerance`, or both NaN, or the same infinity.
inline bool near(float actual, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(actual);
  if (std::isinf(expected)) return static_cast<double>(actual) == expected;
  return std::abs(static_cast<double>(actual) - expected) <= tolerance;
}

// REQUIRE for what is asked of every element: doctest, which takes its time over each question, hears of failures only.
#define REQUIRE_EACH(...)                     \
  do {                                        \
    if (!(__VA_ARGS__)) REQUIRE(__VA_ARGS__); \
  } while (false)

inline constexpr double kEpsilon = 1.1920929e-07;

// Channel counts around every vector width, and past the blocks of four vectors.
inline constexpr int64_t kChannelCounts[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67};

}  // namespace striate::test
