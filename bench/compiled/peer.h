// What a compiled peer and contenders/compiled.ts say to each other over stdin and stdout. A question is two 64-bit
// integers, its code and a count of bytes, and so many bytes; an answer is a count of bytes and the bytes. The first
// answer comes unasked: a description in words.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace peer {

enum class Question : int64_t { verify = 1, measure = 2 };

inline double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline void answer(const void* data, size_t bytes) {
  const int64_t count = static_cast<int64_t>(bytes);
  std::fwrite(&count, sizeof count, 1, stdout);
  std::fwrite(data, 1, bytes, stdout);
  std::fflush(stdout);
}

// As ChangingInput in random.ts: windows over one random array, 64 bytes apart, so that every element changes from call
// to call at no cost.
class Bank {
 public:
  explicit Bank(size_t size) : storage_(size + kWindows * kStep + kStep) {
    uint32_t state = 1;
    for (float& value : storage_) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 8) * 0x1p-23f - 1 + 0x1p-24f;
    }
  }
  float* next() {
    position_ = (position_ + 1) % kWindows;
    return aligned() + position_ * kStep;
  }

 private:
  static constexpr size_t kWindows = 61;
  static constexpr size_t kStep = 16;
  float* aligned() {
    const auto address = reinterpret_cast<uintptr_t>(storage_.data());
    return storage_.data() + (64 - address % 64) % 64 / sizeof(float);
  }
  std::vector<float> storage_;
  size_t position_ = 0;
};

// Milliseconds of each call but the first, as timeCalls.ts has it.
inline std::vector<double> measure(const std::function<void()>& call, double milliseconds) {
  std::vector<double> times;
  const double end = now() + milliseconds;
  do {
    const double start = now();
    call();
    times.push_back(now() - start);
  } while (now() < end || (times.size() < 2 && times[0] < milliseconds));
  if (times.size() > 1) {
    times.erase(times.begin());
  }
  return times;
}

// The least of some calls: for the choice between forms.
inline double probe(const std::function<void()>& call) {
  const std::vector<double> times = measure(call, 60);
  return *std::min_element(times.begin(), times.end());
}

// Answers until the bench closes stdin. `verify` gets all arrays of a call, one behind the other: inputs, then weights.
inline int serve(const std::string& description, const std::function<std::vector<float>(const float*)>& verify,
                 const std::function<void()>& call) {
  answer(description.data(), description.size());
  int64_t head[2];
  while (std::fread(head, sizeof head, 1, stdin) == 1) {
    std::vector<double> payload((static_cast<size_t>(head[1]) + sizeof(double) - 1) / sizeof(double));
    if (std::fread(payload.data(), 1, static_cast<size_t>(head[1]), stdin) != static_cast<size_t>(head[1])) {
      return 1;
    }
    if (static_cast<Question>(head[0]) == Question::verify) {
      const std::vector<float> result = verify(reinterpret_cast<const float*>(payload.data()));
      answer(result.data(), result.size() * sizeof(float));
    } else {
      const std::vector<double> times = measure(call, payload[0]);
      answer(times.data(), times.size() * sizeof(double));
    }
  }
  return 0;
}

}  // namespace peer
