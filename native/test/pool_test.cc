#include "base/pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/status.h"
#include "test/with_threads.h"

#if defined(__linux__)
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace striate {
namespace {

using test::WithThreads;

struct CountingJob : ThreadPool::Job {
  explicit CountingJob(int n) : number(n) {}
  void execute() override {
    std::lock_guard lock(mutex);
    order.push_back(number);
    done.notify_all();
  }
  static void waitFor(size_t count) {
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return order.size() >= count; });
  }
  int number;
  static inline std::mutex mutex;
  static inline std::condition_variable done;
  static inline std::vector<int> order;
};

TEST_CASE("pool: every task runs exactly once, for any number of tasks and threads") {
  for (const int threads : {1, 2, 3, 8}) {
    const WithThreads with(threads);
    for (const int64_t tasks : {0, 1, 2, 3, 17, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      ThreadPool::instance().parallelFor(tasks, [&](int64_t task) { ++runs[static_cast<size_t>(task)]; });
      for (const auto& count : runs) {
        CHECK(count == 1);
      }
    }
  }
}

TEST_CASE("pool: two threads demonstrably take work, and the counters say so") {
  const WithThreads with(2);
  ThreadPool& pool = ThreadPool::instance();
  pool.resetTaskCounters();
  std::atomic<int> inside{0};
  // Each task waits for the other, so one thread alone could not finish.
  pool.parallelFor(2, [&](int64_t) {
    ++inside;
    while (inside < 2) {
      std::this_thread::yield();
    }
  });
  const auto counters = pool.taskCounters();
  CHECK(counters[0] == 1);
  uint64_t workers = 0;
  for (size_t i = 1; i < counters.size(); ++i) {
    workers += counters[i];
  }
  CHECK(workers == 1);
}

TEST_CASE("pool: grows to what is asked while workers of a larger size are still leaving") {
  // Workers sleep until they are told to leave, and then need a while: 8, 2 and 4 at once leave some of 5 .. 8 for 3
  // and 4 to be mistaken for. Each task waits for all others, so the region never ends with a thread less.
  for (int round = 0; round < 50; ++round) {
    const WithThreads many(8);
    ThreadPool::instance().parallelFor(8, [](int64_t) {});
    const WithThreads few(2);
    ThreadPool::instance().parallelFor(2, [](int64_t) {});
    const WithThreads some(4);
    std::atomic<int> inside{0};
    ThreadPool::instance().parallelFor(4, [&](int64_t) {
      ++inside;
      while (inside < 4) {
        std::this_thread::yield();
      }
    });
    CHECK(inside == 4);
  }
}

TEST_CASE("pool: a worker that leaves passes on the work that it was counted on for") {
  // Surplus workers poll, or have been woken, when a region of the smaller size opens: it must not wait for them.
  for (int round = 0; round < 300; ++round) {
    const WithThreads many(8);
    ThreadPool::instance().parallelFor(8, [](int64_t) {});
    const WithThreads few(2);
    std::this_thread::sleep_for(std::chrono::microseconds(round % 64));
    std::atomic<int> inside{0};
    ThreadPool::instance().parallelFor(2, [&](int64_t) {
      ++inside;
      while (inside < 2) {
        std::this_thread::yield();
      }
    });
    CHECK(inside == 2);
  }
}

TEST_CASE("pool: slots differ between the threads of a region and stay below maxSlots") {
  const WithThreads with(4);
  std::mutex mutex;
  std::set<int> slots;
  std::atomic<int> inside{0};
  ThreadPool::instance().parallelFor(4, [&](int64_t) {
    {
      std::lock_guard lock(mutex);
      CHECK(ThreadPool::slot() < ThreadPool::maxSlots());
      CHECK(slots.insert(ThreadPool::slot()).second);
    }
    ++inside;
    while (inside < 4) {
      std::this_thread::yield();
    }
  });
  CHECK(slots == std::set<int>{0, 1, 2, 3});
  CHECK(ThreadPool::slot() == 0);
}

TEST_CASE("pool: no more threads take part in a region than threads() says") {
  const WithThreads with(2);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  ThreadPool::instance().parallelFor(64, [&](int64_t) {
    const int now = ++inside;
    int seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    --inside;
  });
  CHECK(most <= 2);
}

TEST_CASE("pool: nested regions") {
  const WithThreads with(3);
  std::atomic<int> sum{0};
  ThreadPool::instance().parallelFor(
      5, [&](int64_t) { ThreadPool::instance().parallelFor(7, [&](int64_t task) { sum += static_cast<int>(task); }); });
  CHECK(sum == 5 * 21);
}

TEST_CASE("pool: regions opened by several threads at once, while its size changes") {
  const WithThreads with(3);
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      while (!stop) {
        std::atomic<int> sum{0};
        ThreadPool::instance().parallelFor(20, [&](int64_t task) { sum += static_cast<int>(task); });
        wrong += sum != 190;
      }
    });
  }
  for (int round = 0; round < 50; ++round) {
    CHECK(ThreadPool::instance().setThreads(1 + round % 8).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  stop = true;
  for (auto& caller : callers) {
    caller.join();
  }
  CHECK(wrong == 0);
}

TEST_CASE("pool: each thread begins with neighbours of its own") {
  const WithThreads with(2);
  // Tasks 0 and 4 begin the two halves of 8; both threads must be inside before either goes on.
  std::atomic<int> inside{0};
  std::mutex mutex;
  std::vector<int64_t> first;
  ThreadPool::instance().parallelFor(8, [&](int64_t task) {
    if (inside < 2) {
      {
        std::lock_guard lock(mutex);
        first.push_back(task);
      }
      ++inside;
      while (inside < 2) {
        std::this_thread::yield();
      }
    }
  });
  CHECK(std::set<int64_t>(first.begin(), first.end()) == std::set<int64_t>{0, 4});
}

TEST_CASE("pool: more regions at once than it has places for") {
  const WithThreads with(2);
  const std::function<int64_t(int)> sumOf = [&](int depth) -> int64_t {
    if (depth == 0) {
      return 1;
    }
    std::atomic<int64_t> sum{0};
    ThreadPool::instance().parallelFor(2, [&](int64_t task) { sum += task == 0 ? sumOf(depth - 1) : 1; });
    return sum;
  };
  CHECK(sumOf(100) == 101);
}

TEST_CASE("pool: a caller sleeps while its helper is late, and finds its result") {
  const WithThreads with(2);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> inside{0};
    int late = 0;  // not atomic: the region's end orders it
    ThreadPool::instance().parallelFor(2, [&](int64_t task) {
      ++inside;
      while (inside < 2) {
        std::this_thread::yield();
      }
      if (task == 1) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        late = round + 1;
      }
    });
    CHECK(late == round + 1);
  }
}

TEST_CASE("pool: a run that takes no sleepers does all its work, and says whether it opened regions") {
  const WithThreads with(2);
  ThreadPool& pool = ThreadPool::instance();
  for (const auto helpers : {ThreadPool::Helpers::awake, ThreadPool::Helpers::any, ThreadPool::Helpers::expect}) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // workers fall asleep
    const ThreadPool::Running running(pool, helpers);
    CHECK_FALSE(running.openedRegions());
    std::atomic<int> sum{0};
    pool.parallelFor(1, [&](int64_t) { ++sum; });
    CHECK_FALSE(running.openedRegions());
    pool.parallelFor(9, [&](int64_t task) { sum += static_cast<int>(task); });
    CHECK(running.openedRegions());
    CHECK(sum == 37);
  }
}

TEST_CASE("pool: many short regions from several callers, beside jobs") {
  const WithThreads with(3);
  ThreadPool& pool = ThreadPool::instance();
  std::atomic<int> wrong{0};
  CountingJob::order.clear();
  std::vector<CountingJob> jobs;
  for (int i = 0; i < 50; ++i) {
    jobs.emplace_back(i);
  }
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&, c] {
      const ThreadPool::Running running(pool, c == 0 ? ThreadPool::Helpers::awake : ThreadPool::Helpers::expect);
      for (int round = 0; round < 2000; ++round) {
        std::vector<int> squares(static_cast<size_t>(2 + round % 30));  // plain memory: the region orders it
        pool.parallelFor(static_cast<int64_t>(squares.size()),
                         [&](int64_t task) { squares[static_cast<size_t>(task)] = static_cast<int>(task * task); });
        for (size_t i = 0; i < squares.size(); ++i) {
          wrong += squares[i] != static_cast<int>(i * i);
        }
      }
    });
  }
  for (auto& job : jobs) {
    CHECK(pool.submit(&job).ok());
  }
  for (auto& caller : callers) {
    caller.join();
  }
  CountingJob::waitFor(50);
  CHECK(wrong == 0);
}

TEST_CASE("pool: jobs start in the order they were queued, and all of them run") {
  const WithThreads with(1);
  CountingJob::order.clear();
  std::vector<CountingJob> jobs;
  for (int i = 0; i < 100; ++i) {
    jobs.emplace_back(i);
  }
  for (auto& job : jobs) {
    CHECK(ThreadPool::instance().submit(&job).ok());
  }
  CountingJob::waitFor(100);
  for (int i = 0; i < 100; ++i) {
    CHECK(CountingJob::order[static_cast<size_t>(i)] == i);
  }
}

TEST_CASE("pool: small jobs run side by side") {
  const WithThreads with(2);
  struct Meeting : ThreadPool::Job {
    explicit Meeting(std::atomic<int>& i) : inside(i) {}
    void execute() override {
      ++inside;
      while (inside < 2) {
        std::this_thread::yield();
      }
      ++inside;
    }
    std::atomic<int>& inside;
  };
  std::atomic<int> inside{0};
  Meeting a(inside);
  Meeting b(inside);
  CHECK(ThreadPool::instance().submit(&a).ok());
  CHECK(ThreadPool::instance().submit(&b).ok());
  while (inside < 4) {
    std::this_thread::yield();
  }
}

TEST_CASE("pool: a job opens regions of its own, with help") {
  const WithThreads with(2);
  struct Job : ThreadPool::Job {
    void execute() override {
      std::atomic<int> inside{0};
      ThreadPool::instance().parallelFor(2, [&](int64_t) {
        ++inside;
        while (inside < 2) {
          std::this_thread::yield();
        }
      });
      done = true;
    }
    std::atomic<bool> done{false};
  };
  Job job;
  CHECK(ThreadPool::instance().submit(&job).ok());
  while (!job.done) {
    std::this_thread::yield();
  }
}

#if defined(__linux__)
TEST_CASE("pool: workers are nicer than the first thread, those that a worker started no more than others") {
  const WithThreads with(1);
  struct Job : ThreadPool::Job {
    void execute() override {
      CHECK(ThreadPool::instance().setThreads(4).ok());  // starts the others, here
      std::atomic<int> inside{0};
      ThreadPool::instance().parallelFor(4, [&](int64_t task) {
        nice[task] = getpriority(PRIO_PROCESS, 0);
        ++inside;
        while (inside < 4) {
          std::this_thread::yield();
        }
      });
      done = true;
    }
    int nice[4] = {};
    std::atomic<bool> done{false};
  };
  Job job;
  CHECK(ThreadPool::instance().submit(&job).ok());
  while (!job.done) {
    std::this_thread::yield();
  }
  const int first = getpriority(PRIO_PROCESS, static_cast<id_t>(getpid()));
  for (const int nice : job.nice) {
    CHECK_EQ(nice, std::min(first + 5, 19));
  }
}
#endif

TEST_CASE("pool: denormals are flushed in tasks on every thread, and the caller's mode is restored") {
  const WithThreads with(2);
  volatile float tiny = std::numeric_limits<float>::min();
  const auto half = [&] { return tiny * 0.5f; };
  CHECK(half() > 0);
  for (const int64_t tasks : {1, 2}) {
    std::atomic<int> inside{0};
    std::atomic<int> kept{0};
    ThreadPool::instance().parallelFor(tasks, [&](int64_t) {
      ++inside;
      while (inside < tasks) {
        std::this_thread::yield();
      }
      kept += half() != 0;
    });
    CHECK(kept == 0);
    CHECK(half() > 0);
  }
}

TEST_CASE("pool: setThreads refuses what it cannot do") {
  const Status status = ThreadPool::instance().setThreads(0);
  CHECK(status.code() == StatusCode::argument);
  CHECK(status.message() ==
        message::join("setThreads: the number of threads must be 1 to ", ThreadPool::maxSlots(), ", got 0"));
  CHECK_FALSE(ThreadPool::instance().setThreads(ThreadPool::maxSlots() + 1).ok());
  CHECK(availableParallelism() >= 1);
}

}  // namespace
}  // namespace striate
