#include "base/pool.h"

#include <algorithm>
#include <cstdlib>

#if defined(_WIN32)
#include <system_error>
#include <thread>
#else
#include <pthread.h>
#include <signal.h>
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace striate {

namespace {

constexpr int kMostSlots = 1024;
// Rounds a worker polls for the next region of a run, and a caller for its last helper, before sleeping:
// about 30 us, somewhat more than a wake-up costs.
constexpr int kPollRounds = 1000;

thread_local int currentSlot = 0;
thread_local int currentWorker = 0;

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int threadsFromEnvironment() {
  const char* text = std::getenv("STRIATE_THREADS");
  if (text == nullptr) {
    return 0;
  }
  char* end = nullptr;
  const long threads = std::strtol(text, &end, 10);
  // Nonsense is refused with a sentence by lib/backend/select.ts; here it must only do no harm.
  return *end == '\0' && threads >= 1 ? static_cast<int>(std::min<long>(threads, kMostSlots)) : 0;
}

int initialThreads() {
  const int wanted = threadsFromEnvironment();
  return wanted > 0 ? wanted : std::min(availableParallelism(), kMostSlots);
}

}  // namespace

// Lives on its caller's stack. Helpers join and leave under the pool's mutex, so the caller may return as
// soon as it has unlinked the region and seen `active` at 0 under that mutex.
struct ThreadPool::Region {
  Region(Invoke invokeTask, const void* theTask, int64_t count, int most)
      : invoke(invokeTask), task(theTask), tasks(count), limit(most) {}
  const Invoke invoke;
  const void* const task;
  const int64_t tasks;
  const int limit;  // threads that may take part, the caller included
  std::atomic<int64_t> next{0};
  std::atomic<int> active{0};  // helpers inside
  int joined = 1;              // threads that ever took part: the next slot
  Region* following = nullptr;
  std::condition_variable left;
};

struct ThreadPool::Start {
  ThreadPool* pool;
  int worker;
};

ThreadPool& ThreadPool::instance() {
  static ThreadPool& pool = *new ThreadPool();
  return pool;
}

int ThreadPool::maxSlots() {
  // At least 16, so that tests can oversubscribe a small machine; scratch that no thread touches costs no
  // memory.
  static const int slots = std::max(16, initialThreads());
  return slots;
}

ThreadPool::ThreadPool() : alive_(maxSlots() + 1, false), taken_(maxSlots() + 1) { threads_ = initialThreads(); }

int ThreadPool::slot() { return currentSlot; }

Status ThreadPool::setThreads(int threads) {
  if (threads < 1 || threads > maxSlots()) {
    return Status(StatusCode::argument,
                  message::join("setThreads: the number of threads must be 1 to ", maxSlots(), ", got ", threads));
  }
  {
    Lock lock(mutex_);
    threads_ = threads;
    if (firstJob_ != nullptr) {
      startWorkers();
    }
  }
  work_.notify_all();  // surplus workers leave
  return okStatus();
}

Status ThreadPool::submit(Job* job) {
  Lock lock(mutex_);
  if (startWorkers() == 0) {
    return Status(StatusCode::memory, "run: the system refuses to start a thread for an asynchronous run");
  }
  job->next_ = nullptr;
  (firstJob_ == nullptr ? firstJob_ : lastJob_->next_) = job;
  lastJob_ = job;
  wake(1, lock);
  return okStatus();
}

void ThreadPool::takeTasks(Region& region, int slot) {
  const int outerSlot = currentSlot;
  currentSlot = slot;
  uint64_t count = 0;
  for (;;) {
    const int64_t index = region.next.fetch_add(1, std::memory_order_relaxed);
    if (index >= region.tasks) {
      break;
    }
    region.invoke(region.task, index);
    ++count;
  }
  currentSlot = outerSlot;
  taken_[currentWorker].fetch_add(count, std::memory_order_relaxed);
}

void ThreadPool::runInline(int64_t tasks, Invoke invoke, const void* task) {
  const FlushDenormals flush;
  const int outerSlot = currentSlot;
  currentSlot = 0;
  for (int64_t index = 0; index < tasks; ++index) {
    invoke(task, index);
  }
  currentSlot = outerSlot;
  taken_[currentWorker].fetch_add(static_cast<uint64_t>(tasks), std::memory_order_relaxed);
}

void ThreadPool::runRegion(int64_t tasks, Invoke invoke, const void* task) {
  const FlushDenormals flush;
  Region region(invoke, task, tasks, threads());
  {
    Lock lock(mutex_);
    startWorkers();  // where the system refuses, the caller does all the work
    Region** end = &firstRegion_;
    while (*end != nullptr) {
      end = &(*end)->following;
    }
    *end = &region;
    wake(std::min<int64_t>(tasks, region.limit) - 1, lock);
  }
  takeTasks(region, 0);
  // The last helper is most often about to finish: poll before paying for a sleep and a wake-up.
  for (int round = 0; round < kPollRounds && region.active.load(std::memory_order_relaxed) > 0; ++round) {
    relax();
  }
  Lock lock(mutex_);
  Region** link = &firstRegion_;
  while (*link != &region) {
    link = &(*link)->following;
  }
  *link = region.following;
  region.left.wait(lock, [&] { return region.active.load(std::memory_order_relaxed) == 0; });
}

ThreadPool::Region* ThreadPool::openRegion() const {
  for (Region* region = firstRegion_; region != nullptr; region = region->following) {
    if (region->joined < region->limit && region->next.load(std::memory_order_relaxed) < region->tasks) {
      return region;
    }
  }
  return nullptr;
}

void ThreadPool::help(Region& region, Lock& lock) {
  const int slot = region.joined++;
  region.active.fetch_add(1, std::memory_order_relaxed);
  lock.unlock();
  takeTasks(region, slot);
  lock.lock();
  if (region.active.fetch_sub(1, std::memory_order_relaxed) == 1) {
    region.left.notify_one();
  }
}

void ThreadPool::runJob(Lock& lock) {
  Job* job = firstJob_;
  firstJob_ = job->next_;
  lock.unlock();
  job->execute();
  lock.lock();
}

void ThreadPool::poll(Lock& lock) {
  const uint64_t seen = arrivals_.load(std::memory_order_relaxed);
  ++polling_;
  lock.unlock();
  for (int round = 0; round < kPollRounds && arrivals_.load(std::memory_order_relaxed) == seen; ++round) {
    relax();
  }
  lock.lock();
  --polling_;
}

void ThreadPool::work(int worker) {
  const FlushDenormals flush;
  currentWorker = worker;
  bool polled = false;
  Lock lock(mutex_);
  while (worker <= threads()) {
    Region* region = openRegion();
    if (region != nullptr || firstJob_ != nullptr) {
      polled = false;
      if (region != nullptr) {
        help(*region, lock);
      } else {
        // A polling worker counted as awake for more than one arrival: pass the rest on.
        if (firstJob_->next_ != nullptr && sleeping_ > 0) {
          work_.notify_one();
        }
        runJob(lock);
      }
    } else if (!polled && running_.load(std::memory_order_relaxed) > 0) {
      poll(lock);
      polled = true;
    } else {
      polled = false;
      ++sleeping_;
      work_.wait(lock);
      --sleeping_;
    }
  }
  alive_[worker] = false;
}

// Notifies after unlocking, so that whoever wakes finds the mutex free.
void ThreadPool::wake(int64_t wanted, Lock& lock) {
  arrivals_.fetch_add(1, std::memory_order_relaxed);
  const int64_t count = std::min<int64_t>(wanted - polling_, sleeping_);
  const bool all = count == sleeping_;
  lock.unlock();
  if (all && count > 1) {
    work_.notify_all();
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    work_.notify_one();
  }
}

// Starts the workers that are missing and returns how many there are. Called under the mutex.
int ThreadPool::startWorkers() {
  int count = 0;
  for (int worker = 1; worker <= threads(); ++worker) {
    if (!alive_[worker]) {
      auto* start = new Start{this, worker};
#if defined(_WIN32)
      try {
        std::thread([start] {
          const Start arguments = *start;
          delete start;
          arguments.pool->work(arguments.worker);
        }).detach();
      } catch (const std::system_error&) {
        delete start;
        break;
      }
#else
      // pthreads rather than std::thread: no exception, a stack that is large enough under musl too, and no
      // signals (they belong to Node's threads).
      pthread_attr_t attributes;
      pthread_attr_init(&attributes);
      pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
      pthread_attr_setstacksize(&attributes, size_t{4} << 20);
      sigset_t everything;
      sigset_t before;
      sigfillset(&everything);
      pthread_sigmask(SIG_SETMASK, &everything, &before);
      pthread_t thread;
      const int failed = pthread_create(
          &thread, &attributes,
          [](void* argument) -> void* {
            const Start arguments = *static_cast<Start*>(argument);
            delete static_cast<Start*>(argument);
            arguments.pool->work(arguments.worker);
            return nullptr;
          },
          start);
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      pthread_attr_destroy(&attributes);
      if (failed != 0) {
        delete start;
        break;
      }
#endif
      alive_[worker] = true;
    }
    ++count;
  }
  return count;
}

std::vector<uint64_t> ThreadPool::taskCounters() const {
  std::vector<uint64_t> counters;
  for (const auto& taken : taken_) {
    counters.push_back(taken.load(std::memory_order_relaxed));
  }
  return counters;
}

void ThreadPool::resetTaskCounters() {
  for (auto& taken : taken_) {
    taken.store(0, std::memory_order_relaxed);
  }
}

}  // namespace striate
