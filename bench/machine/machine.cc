// What this machine can do: what the bench's percentages are of. Compiled by machine.ts with -march=native.
// Reads lines, answers each with a line:
//   fma <threads> <milliseconds>      GFLOP/s in registers, the best of many short runs of all threads at once
//   memory <threads> <milliseconds>   GB/s of read, copy and copy with non-temporal stores (0: none here), both ways
//                                     counted: three figures in huge pages, three in the pages that arrays get
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#if defined(__SSE2__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif
using Vec = float __attribute__((vector_size(kVectorBytes)));
constexpr std::size_t kLanes = kVectorBytes / sizeof(float);

using Clock = std::chrono::steady_clock;
struct Span {
  Clock::time_point begin;
  Clock::time_point end;
};
constexpr int kSpins = 50'000;

// Runs work(thread) on all threads at once, round after round until the time is up; the shortest round in seconds.
double shortestRound(int threads, double milliseconds, const std::function<void(int)>& work) {
  const auto limit = Clock::now() + std::chrono::duration<double, std::milli>(milliseconds);
  std::vector<Span> spans(static_cast<std::size_t>(threads));
  std::atomic<long> arrived{0};
  std::atomic<bool> last{false};
  double best = 1e30;
  // Threads that are on their cores meet at once; one that waits for its core must not be waited for by spinning.
  auto meet = [&](long meeting) {
    ++arrived;
    for (int spins = 0; arrived.load() < threads * meeting; ++spins) {
      if (spins > kSpins) std::this_thread::yield();
    }
  };
  auto loop = [&](int thread) {
    for (long meeting = 1; !last; meeting += 2) {
      meet(meeting);
      Span& span = spans[static_cast<std::size_t>(thread)];
      span.begin = Clock::now();
      work(thread);
      span.end = Clock::now();
      // Thread 0 reads what all have written, and decides for all, between this meeting and the next.
      if (thread == 0) {
        for (int spins = 0; arrived.load() < threads * (meeting + 1) - 1; ++spins) {
          if (spins > kSpins) std::this_thread::yield();
        }
        Span whole = spans[0];
        for (const Span& each : spans) {
          whole.begin = std::min(whole.begin, each.begin);
          whole.end = std::max(whole.end, each.end);
        }
        best = std::min(best, std::chrono::duration<double>(whole.end - whole.begin).count());
        last = Clock::now() >= limit;
      }
      meet(meeting + 1);
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(loop, thread);
  loop(0);
  for (std::thread& other : others) other.join();
  return best;
}

std::atomic<float> sink{0};

constexpr long kSteps = 40'000;
// Latency 4 or 5 times 2 pipes needs 10 independent sums at most; 12 and two constants fit into 16 registers.
constexpr int kSums = 12;
constexpr double kFlops = 2.0 * kSums * kSteps * kLanes;

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

double fmaGflops(int threads, double milliseconds) {
  const double seconds = shortestRound(threads, milliseconds, [](int) { sink = multiplyAdd(kSteps); });
  return threads * kFlops / seconds * 1e-9;
}

float sumOf(const Vec* from, std::size_t count) {
  Vec s0 = {}, s1 = {}, s2 = {}, s3 = {};
  for (std::size_t i = 0; i + 4 <= count; i += 4) {
    s0 += from[i], s1 += from[i + 1], s2 += from[i + 2], s3 += from[i + 3];
  }
  return (s0 + s1 + s2 + s3)[0];
}

void copy(Vec* to, const Vec* from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = from[i];
    asm volatile("" ::: "memory");  // or the compiler makes it a memcpy, which streams large blocks by itself
  }
}

#if defined(__SSE2__)
constexpr bool kStreams = true;
void copyStreaming(Vec* to, const Vec* from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
#if defined(__AVX512F__)
    _mm512_stream_ps(reinterpret_cast<float*>(to + i), reinterpret_cast<__m512>(from[i]));
#elif defined(__AVX__)
    _mm256_stream_ps(reinterpret_cast<float*>(to + i), reinterpret_cast<__m256>(from[i]));
#else
    _mm_stream_ps(reinterpret_cast<float*>(to + i), reinterpret_cast<__m128>(from[i]));
#endif
  }
  _mm_sfence();
}
#else
constexpr bool kStreams = false;
void copyStreaming(Vec*, const Vec*, std::size_t) {}
#endif

constexpr std::size_t kBytes = std::size_t{128} << 20;  // far beyond any last-level cache

// Huge pages where the system has them; otherwise whatever a large array of JavaScript gets, which asks for nothing.
Vec* touchedBlock(bool huge) {
  void* block = std::aligned_alloc(std::size_t{2} << 20, kBytes);
  if (block == nullptr) return nullptr;
#if defined(__linux__)
  if (huge) madvise(block, kBytes, MADV_HUGEPAGE);
#endif
  Vec* values = static_cast<Vec*>(block);
  for (std::size_t i = 0; i < kBytes / sizeof(Vec); ++i) values[i] = Vec{} + 1.0f;
  return values;
}

struct Blocks {
  Vec* from;
  Vec* to;
};

void printBandwidth(const Blocks& blocks, int threads, double milliseconds) {
  const auto [from, to] = blocks;
  if (from == nullptr || to == nullptr) {
    std::printf("0 0 0");
    return;
  }
  const std::size_t each = kBytes / sizeof(Vec) / static_cast<std::size_t>(threads);
  auto best = [&](double moved, auto work) {
    return moved * kBytes / shortestRound(threads, milliseconds / 3, work) * 1e-9;
  };
  auto start = [&](int thread) { return each * static_cast<std::size_t>(thread); };
  const double read = best(1, [&](int thread) { sink = sumOf(from + start(thread), each); });
  const double plain = best(2, [&](int thread) { copy(to + start(thread), from + start(thread), each); });
  const double streamed = best(2, [&](int thread) { copyStreaming(to + start(thread), from + start(thread), each); });
  std::printf("%.3f %.3f %.3f", read, plain, kStreams ? streamed : 0.0);
}

void memoryBandwidth(int threads, double milliseconds) {
  static const Blocks huge = {touchedBlock(true), touchedBlock(true)};
  static const Blocks ordinary = {touchedBlock(false), touchedBlock(false)};
  printBandwidth(huge, threads, milliseconds / 2);
  std::printf(" ");
  printBandwidth(ordinary, threads, milliseconds / 2);
  std::printf("\n");
}

}  // namespace

int main() {
  char what[16];
  int threads = 1;
  double milliseconds = 0;
  while (std::scanf("%15s %d %lf", what, &threads, &milliseconds) == 3) {
    threads = std::max(1, threads);
    if (what[0] == 'f') {
      std::printf("%.3f\n", fmaGflops(threads, milliseconds));
    } else {
      memoryBandwidth(threads, milliseconds);
    }
    std::fflush(stdout);
  }
  return 0;
}
