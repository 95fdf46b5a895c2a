#include "program/state.h"

#include <cstring>

#include "base/oldest_system.h"

namespace striate {

void StateLock::lockShared() {
  std::unique_lock lock(mutex_);
  await(changed_, lock, [&] { return !exclusive_; });
  ++readers_;
}

void StateLock::unlockShared() {
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    last = --readers_ == 0 && exclusive_;
  }
  if (last) {
    changed_.notify_all();
  }
}

void StateLock::lockUpdate() {
  std::unique_lock lock(mutex_);
  await(changed_, lock, [&] { return !updating_; });
  updating_ = true;
}

void StateLock::unlockUpdate() {
  {
    std::lock_guard lock(mutex_);
    updating_ = false;
  }
  changed_.notify_all();
}

void StateLock::lockExclusive() {
  std::unique_lock lock(mutex_);
  exclusive_ = true;  // from here on readers wait
  await(changed_, lock, [&] { return readers_ == 0; });
}

void StateLock::unlockExclusive() {
  {
    std::lock_guard lock(mutex_);
    exclusive_ = false;
  }
  changed_.notify_all();
}

Status stateDisposed() { return Status(StatusCode::disposed, "state: it was disposed and cannot be used any more"); }

Status State::create(const std::vector<int64_t>& sizes, uint64_t limitBytes, std::shared_ptr<State>* state) {
  int64_t total = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    int64_t bytes = 0;
    if (sizes[i] < 1 || !multiplySizes(sizes[i], sizeof(float), &bytes) || !addSizes(total, bytes, &total) ||
        static_cast<uint64_t>(total) > limitBytes) {
      return Status(StatusCode::memory, message::join("state: tensor ", i, " of ", sizes[i],
                                                      " elements exceeds the limit of ", limitBytes, " bytes"));
    }
  }
  auto created = std::make_shared<State>();
  created->sizes_ = sizes;
  created->bytes_ = static_cast<size_t>(total);
  for (const int64_t size : sizes) {
    created->tensors_.emplace_back();
    STRIATE_TRY(created->tensors_.back().allocate(static_cast<size_t>(size) * sizeof(float)));
  }
  *state = std::move(created);
  return okStatus();
}

Status State::read(const std::vector<Transfer>& transfers) {
  lock_.lockShared();
  Status status = disposed_ ? stateDisposed() : okStatus();
  for (const Transfer& transfer : transfers) {
    if (status.ok() && tensor(transfer.tensor) == nullptr) {
      status = Status(StatusCode::argument, message::join("state: tensor ", transfer.tensor,
                                                          " is kept packed only, by the Program that owns the State"));
    }
  }
  if (status.ok()) {
    for (const Transfer& transfer : transfers) {
      std::memcpy(transfer.data, tensor(transfer.tensor), tensors_[transfer.tensor].bytes());
    }
  }
  lock_.unlockShared();
  return status;
}

Status State::write(const std::vector<Transfer>& transfers) {
  lock_.lockUpdate();
  lock_.lockExclusive();
  Status status = disposed_ ? stateDisposed() : okStatus();
  if (status.ok() && givenUp_) {
    status =
        Status(StatusCode::argument, "state: the Program that owns it has packed it; it cannot be written any more");
  }
  if (status.ok()) {
    for (const Transfer& transfer : transfers) {
      std::memcpy(tensor(transfer.tensor), transfer.data, tensors_[transfer.tensor].bytes());
    }
    bumpVersion();
  }
  lock_.unlockExclusive();
  lock_.unlockUpdate();
  return status;
}

bool State::attach(bool alone) {
  int programs = programs_.load();
  while (programs != kOwned && !(alone && programs > 0)) {
    if (programs_.compare_exchange_weak(programs, alone ? kOwned : programs + 1)) {
      return true;
    }
  }
  return false;
}

void State::giveUp(const std::vector<size_t>& tensors) {
  lock_.lockUpdate();
  lock_.lockExclusive();
  if (!disposed_) {
    for (const size_t index : tensors) {
      bytes_ -= tensors_[index].bytes();
      tensors_[index].release();
    }
    givenUp_ = true;
  }
  lock_.unlockExclusive();
  lock_.unlockUpdate();
}

void State::dispose() {
  lock_.lockUpdate();
  lock_.lockExclusive();
  disposed_ = true;
  tensors_.clear();
  lock_.unlockExclusive();
  lock_.unlockUpdate();
}

}  // namespace striate
