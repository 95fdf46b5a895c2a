// One thread pool for the whole process, shared by all worker_threads, and not libuv's: an inference must not
// starve `fs` and `dns`. Leaked on purpose, its threads detached: process exit in mid-run has nothing to join
// or destroy.
//
// threads() is the number of threads that may work on one parallel region, the caller included. As many
// workers exist; an async job runs on a worker, and that worker is then the caller of its regions. An idle
// worker first helps an open region, oldest first, then takes the oldest queued job.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <type_traits>
#include <vector>

#include "base/float_mode.h"
#include "base/status.h"

namespace striate {

class ThreadPool {
 public:
  static ThreadPool& instance();

  // Runs task(0) .. task(tasks - 1), each once, in any order, on the calling thread and on idle workers;
  // returns when all are done. Tasks must not throw. May be called from several threads at once and from
  // inside a task. Denormals are flushed while tasks run. Which thread takes a task is not determined: a
  // task's result must depend on its number only.
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

  // While one exists, idle workers poll briefly for the next region instead of sleeping at once: waking a
  // sleeper costs 18 us, as much as a small step.
  class Running {
   public:
    explicit Running(ThreadPool& pool) : pool_(pool) { pool_.running_.fetch_add(1, std::memory_order_relaxed); }
    ~Running() { pool_.running_.fetch_sub(1, std::memory_order_relaxed); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    ThreadPool& pool_;
  };

 private:
  using Invoke = void (*)(const void* task, int64_t index);
  using Lock = std::unique_lock<std::mutex>;
  struct Region;
  struct Start;

  ThreadPool();
  void runInline(int64_t tasks, Invoke invoke, const void* task);
  void runRegion(int64_t tasks, Invoke invoke, const void* task);
  void takeTasks(Region& region, int slot);
  void work(int worker);
  void help(Region& region, Lock& lock);
  void runJob(Lock& lock);
  void poll(Lock& lock);
  Region* openRegion() const;
  int startWorkers();
  void wake(int64_t wanted, Lock& lock);

  mutable std::mutex mutex_;
  std::condition_variable work_;   // idle workers sleep here
  Region* firstRegion_ = nullptr;  // open regions, oldest first
  Job* firstJob_ = nullptr;
  Job* lastJob_ = nullptr;
  int sleeping_ = 0;
  int polling_ = 0;
  std::vector<bool> alive_;  // by worker number; [0] unused
  std::atomic<int> threads_{1};
  std::atomic<int> running_{0};
  std::atomic<uint64_t> arrivals_{0};  // counts regions and jobs; polling workers watch it
  std::vector<std::atomic<uint64_t>> taken_;
};

// Processors that the affinity mask and the CPU quota of the cgroup leave us, at least 1 (pool_size.cc).
int availableParallelism();

}  // namespace striate
