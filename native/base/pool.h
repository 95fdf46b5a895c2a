// One thread pool for the whole process, shared by all worker_threads, and not libuv's: an inference must not
// starve `fs` and `dns`. Leaked on purpose, its threads detached: process exit in mid-run has nothing to join
// or destroy.
//
// threads() is the number of threads that may work on one parallel region, the caller included. As many
// workers exist; an async job runs on a worker, and that worker is then the caller of its regions. An idle
// worker first helps an open region, then takes the oldest queued job, then polls a while, then sleeps. Workers are
// nicer than the process's first thread (STRIATE_NICE), so that an event loop gets a core when it wants one.
//
// The cost of a region decides how small a step may be split. Polling workers see it through one word, join it with
// one compare-and-swap and leave it with one subtraction; no lock, no allocation. Measured on Zen 4 with two threads
// (virtual machine): see kernels/split.h. A sleeper costs its caller 4 us for the system call and comes 20 to 35 us
// later, so whoever starts a run says whether that pays (Helpers).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/kernel_mode.h"
#include "base/status.h"

namespace striate {

class ThreadPool {
 public:
  static ThreadPool& instance();

  // Runs task(0) .. task(tasks - 1), each once, in any order, on the calling thread and on idle workers;
  // returns when all are done. Tasks must not throw. May be called from several threads at once and from
  // inside a task. Denormals are flushed while tasks run. Which thread takes a task is not determined: a
  // task's result must depend on its number only. Each thread begins with a range of neighbours of its own, the same
  // from region to region, so that what one layer wrote is in the right cache for the next; then it helps the others.
  template <typename Task>
  void parallelFor(int64_t tasks, const Task& task) {
    if (tasks <= 0) {
      return;
    }
    if (tasks == 1 || threads() == 1) {
      runInline(
          tasks, [](const void* t, int64_t i) { (*static_cast<const Task*>(t))(i); }, &task);
      return;
    }
    runRegion(
        tasks, [](const void* t, int64_t i) { (*static_cast<const Task*>(t))(i); }, &task);
  }

  // Inside a task: a number below maxSlots() that no other thread of the same (innermost) region has; the
  // caller's is 0. Outside: 0.
  static int slot();
  // Constant for the life of the process, so that scratch planned once fits after any setThreads().
  static int maxSlots();

  int threads() const { return threads_.load(std::memory_order_relaxed); }
  // 1 .. maxSlots(). Takes effect at the next region; results never depend on it.
  Status setThreads(int threads);

  // For tests: a thread that runs a region alone takes the last task first. A task that writes where another one
  // reads or writes then gives other results than in the usual order, each time, where threads show it by chance.
  void setLastTaskFirst(bool lastTaskFirst) { lastTaskFirst_.store(lastTaskFirst, std::memory_order_relaxed); }

  // A unit of asynchronous work, owned by whoever submits it and alive until execute() returns.
  class Job {
   public:
    virtual void execute() = 0;  // on a worker, denormals flushed

   protected:
    ~Job() = default;

   private:
    friend class ThreadPool;
    Job* next_ = nullptr;
  };
  // Queues a job, FIFO. Fails only where the system will not give us a single thread.
  Status submit(Job* job);

  // Tasks taken so far: [0] by calling threads that are not workers, [i] by worker i. For tests, and for
  // explain().
  std::vector<uint64_t> taskCounters() const;
  void resetTaskCounters();

  // Who may help the regions that a thread opens.
  enum class Helpers {
    awake,   // whoever polls: for a run that is over before a sleeper is up
    any,     // sleepers are woken when a region opens
    expect,  // sleepers are woken at once: the regions come soon
  };
  // A run on this thread. While one exists, idle workers poll longer for its regions instead of sleeping.
  class Running {
   public:
    explicit Running(ThreadPool& pool, Helpers helpers = Helpers::any);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    // Whether this thread has opened a region since.
    bool openedRegions() const;

   private:
    ThreadPool& pool_;
    Helpers before_;
    uint64_t regionsBefore_;
  };

 private:
  using Invoke = void (*)(const void* task, int64_t index);
  using Lock = std::unique_lock<std::mutex>;
  // Open regions at once; further ones run on their callers alone.
  static constexpr int kRegions = 32;
  static constexpr int kMostRanges = 16;

  struct alignas(64) Range {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  // A place for one region after another. The word `state` publishes the rest: active helpers in the low 16 bits,
  // seats for more above them, then whether the caller sleeps. Whoever takes a seat is counted as active in the same
  // step, so the caller may reuse the place once it has taken the seats away and seen no helper active.
  struct alignas(64) Region {
    std::atomic<uint64_t> state{0};
    Invoke invoke = nullptr;
    const void* task = nullptr;
    int limit = 0;  // threads that may take part, the caller included
    int ranges = 0;
    Range range[kMostRanges];
  };
  struct alignas(64) Counter {
    std::atomic<uint64_t> value{0};
  };

  ThreadPool();
  void runInline(int64_t tasks, Invoke invoke, const void* task);
  void runRegion(int64_t tasks, Invoke invoke, const void* task);
  void takeTasks(Region& region, int slot);
  void close(Region& region);
  void work(int worker);
  bool help();
  bool help(Region& region);
  bool regionToHelp() const;
  bool runJob();
  bool poll(int worker, bool helped);
  void sleep(int worker);
  int startWorkers();
  int helpersAwake() const;
  void wake(int count);
  void wakeForWork();

  // Changed by every region, read by polling workers: a line of its own. Bits are places of regions_.
  alignas(64) std::atomic<uint32_t> open_{0};
  std::atomic<int> jobs_{0};  // queued
  alignas(64) std::atomic<uint32_t> used_{0};
  std::atomic<int> threads_{1};
  std::atomic<bool> complete_{false};  // all of workers 1 .. threads() run; of others some may still be leaving
  std::atomic<bool> lastTaskFirst_{false};
  std::atomic<int> running_{0};
  std::atomic<int> polling_{0};
  std::atomic<int> sleeping_{0};  // changes under the mutex
  std::atomic<int> waking_{0};    // those of them that were notified; likewise

  mutable std::mutex mutex_;
  std::condition_variable work_;  // idle workers sleep here
  std::condition_variable left_;  // callers whose helpers are late
  Job* firstJob_ = nullptr;
  Job* lastJob_ = nullptr;
  const int nicer_;          // steps, see beNicer
  std::vector<bool> alive_;  // by worker number; [0] unused
  std::vector<Counter> taken_;
  Region regions_[kRegions];
};

// Processors that the affinity mask and the CPU quota of the cgroup leave us, at least 1 (pool_size.cc).
int availableParallelism();

}  // namespace striate
