#include "base/pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "base/detached_thread.h"
#include "base/oldest_system.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace striate {

namespace {

constexpr int kMostSlots = 1024;
// Steps by which workers are nicer than the JavaScript thread, a third of its weight: docs/memory-and-threads.md.
// SqueezeNet under the load of bench/server, two threads on two cores that all share: the event loop's delay, 8.0 to
// 8.9 ms (p99) with equal weights, was 5.5 to 7.3, and 8 to 19 % more images were answered (one run of each).
constexpr int kNicer = 5;
// Rounds of about 30 ns. A worker without work looks for some for 60 us after the last run (the gap between two calls
// of a loop in JavaScript is a few), or for 300 us while a run is under way (a step that is not split). It does not
// yield meanwhile: the core would go to whatever process of lower priority there is, for milliseconds. A caller waits
// 30 us for its last helper.
constexpr int kIdleRounds = 2000;
constexpr int kRunningRounds = 10000;
constexpr int kWaitRounds = 1000;

constexpr uint64_t kHelper = 1;
constexpr uint64_t kHelpers = 0xffff;
constexpr uint64_t kSeat = uint64_t{1} << 16;
constexpr uint64_t kSeats = kHelpers << 16;
constexpr uint64_t kCallerSleeps = uint64_t{1} << 32;

thread_local int currentSlot = 0;
thread_local int currentWorker = 0;
thread_local ThreadPool::Helpers currentHelpers = ThreadPool::Helpers::any;
thread_local uint64_t regionsOpened = 0;

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Nonsense is refused with a sentence by lib/backend/select.ts; here it must only do no harm: -1.
int fromEnvironment(const char* name, int most) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') {
    return -1;
  }
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  return *end == '\0' && value >= 0 ? static_cast<int>(std::min<long>(value, most)) : -1;
}

int initialThreads() {
  const int wanted = fromEnvironment("STRIATE_THREADS", kMostSlots);
  return wanted > 0 ? wanted : std::min(availableParallelism(), kMostSlots);
}

int initialNicer() {
  const int wanted = fromEnvironment("STRIATE_NICE", 19);
  return wanted >= 0 ? wanted : kNicer;
}

}  // namespace

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

ThreadPool::ThreadPool() : nicer_(initialNicer()), alive_(maxSlots() + 1, false), taken_(maxSlots() + 1) {
  threads_ = initialThreads();
}

int ThreadPool::slot() { return currentSlot; }

Status ThreadPool::setThreads(int threads) {
  if (threads < 1 || threads > maxSlots()) {
    return Status(StatusCode::argument,
                  message::join("setThreads: the number of threads must be 1 to ", maxSlots(), ", got ", threads));
  }
  {
    Lock lock(mutex_);
    threads_ = threads;
    complete_.store(false, std::memory_order_relaxed);
    if (firstJob_ != nullptr) {
      startWorkers();
    }
  }
  work_.notify_all();  // surplus workers leave
  return okStatus();
}

ThreadPool::Running::Running(ThreadPool& pool, Helpers helpers)
    : pool_(pool), before_(currentHelpers), regionsBefore_(regionsOpened) {
  currentHelpers = helpers;
  pool_.running_.fetch_add(1, std::memory_order_relaxed);
  if (helpers == Helpers::expect) {
    pool_.wake(pool_.threads() - 1 - pool_.helpersAwake());
  }
}

ThreadPool::Running::~Running() {
  pool_.running_.fetch_sub(1, std::memory_order_relaxed);
  currentHelpers = before_;
}

bool ThreadPool::Running::openedRegions() const { return regionsOpened != regionsBefore_; }

Status ThreadPool::submit(Job* job) {
  {
    Lock lock(mutex_);
    if (startWorkers() == 0) {
      return Status(StatusCode::memory, "run: the system refuses to start a thread for an asynchronous run");
    }
    job->next_ = nullptr;
    (firstJob_ == nullptr ? firstJob_ : lastJob_->next_) = job;
    lastJob_ = job;
    jobs_.fetch_add(1, std::memory_order_seq_cst);
  }
  wake(1);
  return okStatus();
}

void ThreadPool::takeTasks(Region& region, int slot) {
  const int outerSlot = currentSlot;
  currentSlot = slot;
  uint64_t count = 0;
  for (int i = 0; i < region.ranges; ++i) {
    Range& range = region.range[(slot + i) % region.ranges];
    while (range.next.load(std::memory_order_relaxed) < range.end) {
      const int64_t index = range.next.fetch_add(1, std::memory_order_relaxed);
      if (index >= range.end) {
        break;
      }
      region.invoke(region.task, index);
      ++count;
    }
  }
  currentSlot = outerSlot;
  taken_[currentWorker].value.fetch_add(count, std::memory_order_relaxed);
}

void ThreadPool::runInline(int64_t tasks, Invoke invoke, const void* task) {
  const KernelMode mode;
  const int outerSlot = currentSlot;
  currentSlot = 0;
  const bool lastFirst = lastTaskFirst_.load(std::memory_order_relaxed);
  for (int64_t index = 0; index < tasks; ++index) {
    invoke(task, lastFirst ? tasks - 1 - index : index);
  }
  currentSlot = outerSlot;
  taken_[currentWorker].value.fetch_add(static_cast<uint64_t>(tasks), std::memory_order_relaxed);
}

void ThreadPool::runRegion(int64_t tasks, Invoke invoke, const void* task) {
  ++regionsOpened;
  if (!complete_.load(std::memory_order_relaxed)) {
    Lock lock(mutex_);
    startWorkers();  // where the system refuses, the caller does all the work
  }
  uint32_t used = used_.load(std::memory_order_relaxed);
  uint32_t bit = 0;
  do {
    bit = ~used & (used + 1);  // the lowest free place
    if (bit == 0) {
      runInline(tasks, invoke, task);
      return;
    }
  } while (!used_.compare_exchange_weak(used, used | bit, std::memory_order_acquire, std::memory_order_relaxed));

  const KernelMode mode;
  Region& region = regions_[std::countr_zero(bit)];
  region.invoke = invoke;
  region.task = task;
  region.limit = static_cast<int>(std::min<int64_t>(threads(), tasks));
  region.ranges = std::min(region.limit, kMostRanges);
  const int64_t share = tasks / region.ranges;
  const int64_t rest = tasks % region.ranges;
  for (int64_t r = 0; r < region.ranges; ++r) {
    region.range[r].next.store(r * share + std::min(r, rest), std::memory_order_relaxed);
    region.range[r].end = (r + 1) * share + std::min(r + 1, rest);
  }
  const int seats = region.limit - 1;
  region.state.store(static_cast<uint64_t>(seats) * kSeat, std::memory_order_release);
  open_.fetch_or(bit, std::memory_order_seq_cst);
  if (currentHelpers != Helpers::awake) {
    wake(seats - helpersAwake());
  }
  takeTasks(region, 0);
  open_.fetch_and(~bit, std::memory_order_relaxed);
  close(region);
  used_.fetch_and(~bit, std::memory_order_release);
}

// No more helpers may come; waits for those inside.
void ThreadPool::close(Region& region) {
  uint64_t state = region.state.fetch_and(~kSeats, std::memory_order_acq_rel);
  // The last helper is most often about to finish: poll before paying for a sleep and a wake-up.
  for (int round = 0; round < kWaitRounds && (state & kHelpers) != 0; ++round) {
    relax();
    state = region.state.load(std::memory_order_acquire);
  }
  if ((state & kHelpers) == 0) {
    return;
  }
  Lock lock(mutex_);
  region.state.fetch_or(kCallerSleeps, std::memory_order_acq_rel);
  await(left_, lock, [&] { return (region.state.load(std::memory_order_acquire) & kHelpers) == 0; });
}

bool ThreadPool::help(Region& region) {
  uint64_t state = region.state.load(std::memory_order_relaxed);
  do {
    if ((state & kSeats) == 0) {
      return false;
    }
  } while (!region.state.compare_exchange_weak(state, state - kSeat + kHelper, std::memory_order_acquire,
                                               std::memory_order_relaxed));
  takeTasks(region, region.limit - static_cast<int>((state & kSeats) / kSeat));
  const uint64_t before = region.state.fetch_sub(kHelper, std::memory_order_acq_rel);
  if ((before & kHelpers) == kHelper && (before & kCallerSleeps) != 0) {
    // Under the mutex, so that the caller either has seen the last helper leave or sleeps already.
    Lock lock(mutex_);
    left_.notify_all();
  }
  return true;
}

bool ThreadPool::help() {
  bool helped = false;
  for (uint32_t open = open_.load(std::memory_order_acquire); open != 0; open &= open - 1) {
    helped = help(regions_[std::countr_zero(open)]) || helped;
  }
  return helped;
}

bool ThreadPool::regionToHelp() const {
  for (uint32_t open = open_.load(std::memory_order_seq_cst); open != 0; open &= open - 1) {
    if ((regions_[std::countr_zero(open)].state.load(std::memory_order_relaxed) & kSeats) != 0) {
      return true;
    }
  }
  return false;
}

bool ThreadPool::runJob() {
  if (jobs_.load(std::memory_order_relaxed) == 0) {
    return false;
  }
  Job* job = nullptr;
  bool more = false;
  {
    Lock lock(mutex_);
    job = firstJob_;
    if (job == nullptr) {
      return false;
    }
    firstJob_ = job->next_;
    more = firstJob_ != nullptr;
    jobs_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (more) {
    wake(1);  // a woken worker counted for more than one job: pass the rest on
  }
  job->execute();
  return true;
}

// Waits for work without sleeping, for a while; true where there may be some. No more workers poll than there are
// processors beside those that run. After a job nobody polls: the next one is best run by a worker that its submitter
// wakes on the submitter's own core, which then wakes the submitter there (8 us a round trip; between two cores, 14).
bool ThreadPool::poll(int worker, bool helped) {
  int polling = polling_.load(std::memory_order_relaxed);
  do {
    const int running = running_.load(std::memory_order_relaxed);
    if ((running == 0 && !helped) || polling >= threads() - std::max(running, 1)) {
      return false;
    }
  } while (!polling_.compare_exchange_weak(polling, polling + 1, std::memory_order_seq_cst, std::memory_order_relaxed));
  bool found = false;
  for (int round = 0; !found && worker <= threads(); ++round) {
    const bool running = running_.load(std::memory_order_relaxed) > 0;
    if (round >= (running ? kRunningRounds : helped ? kIdleRounds : 0)) {
      break;
    }
    relax();
    found = regionToHelp() || jobs_.load(std::memory_order_relaxed) > 0;
  }
  polling_.fetch_sub(1, std::memory_order_seq_cst);
  return found;
}

// Whoever publishes work looks at sleeping_ afterwards; a worker counts itself in and then looks for work once more.
// One of the two sees the other (all four are seq_cst), and a notification cannot come before the wait: both hold the
// mutex.
void ThreadPool::sleep(int worker) {
  Lock lock(mutex_);
  sleeping_.fetch_add(1, std::memory_order_seq_cst);
  if (!regionToHelp() && jobs_.load(std::memory_order_seq_cst) == 0 && worker <= threads()) {
    await(work_, lock);
    if (waking_.load(std::memory_order_relaxed) > 0) {
      waking_.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  sleeping_.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadPool::work(int worker) {
  beNicer(nicer_);
  const KernelMode mode;
  currentWorker = worker;
  bool helped = false;
  for (;;) {
    while (worker <= threads()) {
      if (help()) {
        helped = true;
      } else if (runJob()) {
        helped = false;
      } else if (!poll(worker, helped)) {
        helped = false;
        sleep(worker);
      }
    }
    {
      Lock lock(mutex_);
      if (worker <= threads()) {
        continue;  // the pool has grown again, and still counts on this worker
      }
      alive_[static_cast<size_t>(worker)] = false;
    }
    // Whoever opened a region or queued a job until now may have counted on this worker as one that is awake.
    wakeForWork();
    return;
  }
}

// Wakes as many as there is work for.
void ThreadPool::wakeForWork() {
  int wanted = jobs_.load(std::memory_order_seq_cst);
  for (uint32_t open = open_.load(std::memory_order_seq_cst); open != 0; open &= open - 1) {
    const uint64_t state = regions_[std::countr_zero(open)].state.load(std::memory_order_relaxed);
    wanted += static_cast<int>((state & kSeats) / kSeat);
  }
  wake(wanted);
}

// Workers that look out for regions, or are about to.
int ThreadPool::helpersAwake() const {
  return polling_.load(std::memory_order_seq_cst) + waking_.load(std::memory_order_relaxed);
}

// Wakes so many sleepers, or all there are.
void ThreadPool::wake(int count) {
  if (count <= 0 || sleeping_.load(std::memory_order_seq_cst) == 0) {
    return;
  }
  bool all = false;
  {
    Lock lock(mutex_);
    const int sleepers = sleeping_.load(std::memory_order_relaxed) - waking_.load(std::memory_order_relaxed);
    all = count >= sleepers;
    count = std::min(count, sleepers);
    waking_.fetch_add(count, std::memory_order_relaxed);
  }
  // After unlocking, so that whoever wakes finds the mutex free.
  if (all && count > 1) {
    work_.notify_all();
    return;
  }
  for (int i = 0; i < count; ++i) {
    work_.notify_one();
  }
}

// Starts the workers that are missing and returns how many there are. Called under the mutex.
int ThreadPool::startWorkers() {
  int count = 0;
  for (int worker = 1; worker <= threads(); ++worker) {
    if (!alive_[static_cast<size_t>(worker)]) {
      struct Start {
        ThreadPool* pool;
        int worker;
      };
      auto* start = new Start{this, worker};
      const auto body = [](void* argument) {
        const Start arguments = *static_cast<Start*>(argument);
        delete static_cast<Start*>(argument);
        arguments.pool->work(arguments.worker);
      };
      if (!startDetachedThread(body, start)) {
        delete start;
        break;
      }
      alive_[static_cast<size_t>(worker)] = true;
    }
    ++count;
  }
  complete_.store(count == threads(), std::memory_order_relaxed);
  return count;
}

std::vector<uint64_t> ThreadPool::taskCounters() const {
  std::vector<uint64_t> counters;
  for (const Counter& taken : taken_) {
    counters.push_back(taken.value.load(std::memory_order_relaxed));
  }
  return counters;
}

void ThreadPool::resetTaskCounters() {
  for (Counter& taken : taken_) {
    taken.value.store(0, std::memory_order_relaxed);
  }
}

}  // namespace striate
