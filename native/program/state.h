// Named float32 tensors (the names stay in JavaScript): parameters, optimizer slots, running statistics. Shared by the
// Executables compiled for them; predictions and training steps on several threads see whole steps only.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/memory.h"
#include "base/status.h"

namespace striate {

// Three ways in:
//   shared     a run without commit, or a read: many at once
//   update     whoever will change the State: one at a time, while shared holders go on
//   exclusive  taken by the holder of update for the change itself: nobody else is inside
// A waiting writer goes before new readers, so that a stream of predictions cannot starve training.
class StateLock {
 public:
  void lockShared();
  void unlockShared();
  void lockUpdate();
  void unlockUpdate();
  void lockExclusive();  // holding update
  void unlockExclusive();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int readers_ = 0;
  bool updating_ = false;
  bool exclusive_ = false;  // wanted or held
};

class State {
 public:
  // Tensors start as zeros. The bytes of all of them must stay below `limitBytes`.
  static Status create(const std::vector<int64_t>& sizes, uint64_t limitBytes, std::shared_ptr<State>* state);

  const std::vector<int64_t>& sizes() const { return sizes_; }
  size_t bytes() const { return bytes_; }
  // Counts commits and writes. Stable while a lock is held.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  struct Transfer {
    size_t tensor;
    float* data;  // sizes()[tensor] elements
  };
  // All tensors of a call together, from between two steps. Fail after dispose().
  Status read(const std::vector<Transfer>& transfers);
  Status write(const std::vector<Transfer>& transfers);
  // Frees the memory when the runs under way are done.
  void dispose();

  // Called once for each Program that is compiled for the State. False where one owns it, or `alone` wants to though
  // there are others.
  bool attach(bool alone);
  // Frees tensors that the Program which owns the State keeps in another form. To read them fails from then on, and so
  // does to write any.
  void giveUp(const std::vector<size_t>& tensors);

  // For runs, under a lock.
  StateLock& lock() { return lock_; }
  bool disposed() const { return disposed_; }
  // Null where it was given up.
  float* tensor(size_t index) const { return reinterpret_cast<float*>(tensors_[index].data()); }
  void bumpVersion() { version_.fetch_add(1, std::memory_order_release); }

 private:
  static constexpr int kOwned = -1;
  std::vector<int64_t> sizes_;
  std::vector<AlignedMemory> tensors_;
  size_t bytes_ = 0;
  std::atomic<uint64_t> version_{1};
  std::atomic<int> programs_{0};  // compiled for it; kOwned: one that owns it
  bool disposed_ = false;
  bool givenUp_ = false;  // some tensors
  StateLock lock_;
};

Status stateDisposed();

}  // namespace striate
