// The most multiply-adds this machine does in registers: what GFLOP/s are a percentage of. Usage: peak <threads>
// Prints GFLOP/s, the best of many short runs of all threads at once. Compiled by peak.ts with -march=native.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif
using Vec = float __attribute__((vector_size(kVectorBytes)));

using Clock = std::chrono::steady_clock;
struct Span {
  Clock::time_point begin;
  Clock::time_point end;
};

constexpr int kRounds = 4000;  // short and many: on a busy machine all threads must once be on a core together
constexpr int kSpins = 50'000;
constexpr long kSteps = 40'000;
// Latency 4 or 5 times 2 pipes needs 10 independent sums at most; 12 and two constants fit into 16 registers.
constexpr int kSums = 12;
constexpr double kFlops = 2.0 * kSums * kSteps * kVectorBytes / sizeof(float);

float multiplyAdd(long steps) {
  Vec a = {};
  Vec b = {};
  a += 0.999f;
  b += 1e-3f;
  // All different, or the compiler would see that they stay equal and keep one.
  Vec s0 = b, s1 = b + 1, s2 = b + 2, s3 = b + 3, s4 = b + 4, s5 = b + 5;
  Vec s6 = b + 6, s7 = b + 7, s8 = b + 8, s9 = b + 9, s10 = b + 10, s11 = b + 11;
  for (long i = 0; i < steps; ++i) {
    s0 = s0 * a + b, s1 = s1 * a + b, s2 = s2 * a + b, s3 = s3 * a + b;
    s4 = s4 * a + b, s5 = s5 * a + b, s6 = s6 * a + b, s7 = s7 * a + b;
    s8 = s8 * a + b, s9 = s9 * a + b, s10 = s10 * a + b, s11 = s11 * a + b;
  }
  const Vec sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
  return sum[0];
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  std::vector<Span> spans(static_cast<std::size_t>(threads) * kRounds);
  std::atomic<int> ready{0};
  std::atomic<float> sink{0};
  auto work = [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      ++ready;
      // Threads that are on their cores meet at once; one that waits for its core must not be waited for by spinning.
      for (int spins = 0; ready.load() < threads * (round + 1); ++spins) {
        if (spins > kSpins) std::this_thread::yield();
      }
      Span& span = spans[round * threads + thread];
      span.begin = Clock::now();
      sink = multiplyAdd(kSteps);
      span.end = Clock::now();
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread& other : others) other.join();

  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    Span whole = spans[round * threads];
    for (int thread = 1; thread < threads; ++thread) {
      whole.begin = std::min(whole.begin, spans[round * threads + thread].begin);
      whole.end = std::max(whole.end, spans[round * threads + thread].end);
    }
    best = std::max(best, threads * kFlops / std::chrono::duration<double>(whole.end - whole.begin).count());
  }
  std::printf("%.3f\n", best * 1e-9);
  return 0;
}
