// The Executable's Slots and Workspaces, and its asynchronous runs from queue to end.
#include <algorithm>

#include "program/executable.h"

namespace striate {

namespace {

// Runs of one Executable that may wait or execute at once, and the bytes of inputs and outputs that they may hold (a
// few runs are always let in).
constexpr size_t kMostRuns = 1024;
constexpr size_t kMostSlotBytes = size_t{1} << 30;
constexpr size_t kSlotsAlwaysGranted = 4;
constexpr size_t kCachedSlots = 2;
// A Program whose arena and scratch are below this has steps too small to split over threads (50 us of work on a few
// hundred KB): its runs go side by side instead.
constexpr size_t kSmallWorkspace = size_t{1} << 20;

}  // namespace

Status Executable::takeSlot(std::unique_ptr<Slot>* slot) {
  {
    std::lock_guard lock(queueMutex_);
    if (!freeSlots_.empty()) {
      *slot = std::move(freeSlots_.back());
      freeSlots_.pop_back();
      return okStatus();
    }
    if (slots_ >= kSlotsAlwaysGranted && slots_ * slotBytes_ >= kMostSlotBytes) {
      return Status(StatusCode::busy, message::join("run: ", slots_, " runs are under way already, with ", slotBytes_,
                                                    " bytes of inputs and outputs each; await some first"));
    }
  }
  auto made = std::make_unique<Slot>();
  for (const bool input : {true, false}) {
    for (const Port& port : input ? inputs_ : outputs_) {
      auto& memory = input ? made->inputs : made->outputs;
      memory.emplace_back();
      STRIATE_TRY(memory.back().allocate(static_cast<size_t>(program_.storages[port.storage].bytes())));
    }
  }
  std::lock_guard lock(queueMutex_);
  ++slots_;
  bytes_ += slotBytes_;
  *slot = std::move(made);
  return okStatus();
}

void Executable::giveSlot(std::unique_ptr<Slot> slot) {
  std::lock_guard lock(queueMutex_);
  if (freeSlots_.size() < kCachedSlots) {
    freeSlots_.push_back(std::move(slot));
  } else {
    bytes_ -= slotBytes_;
    --slots_;
  }
}

size_t Executable::concurrency() const {
  const bool small = arenaBytes_ + scratchBytes_ <= kSmallWorkspace && program_.commit.empty();
  return small ? static_cast<size_t>(ThreadPool::instance().threads()) : 1;
}

Status Executable::start(AsyncRun* run) {
  std::unique_ptr<Workspace> workspace;
  {
    std::lock_guard lock(queueMutex_);
    if (underWay_ >= kMostRuns) {
      return Status(StatusCode::busy,
                    message::join("run: ", kMostRuns, " runs are under way already; await some first"));
    }
    ++underWay_;
    run->executable_ = shared_from_this();
    const size_t most = concurrency();
    if (!freeWorkspaces_.empty()) {
      workspace = std::move(freeWorkspaces_.back());
      freeWorkspaces_.pop_back();
    } else if (workspaces_ >= most) {
      waiting_.push_back(run);
      return okStatus();
    } else {
      ++workspaces_;
    }
  }
  Status status = workspace != nullptr ? okStatus() : makeWorkspace(&workspace);
  if (status.ok()) {
    run->workspace_ = std::move(workspace);
    status = ThreadPool::instance().submit(run);
  }
  if (!status.ok()) {
    std::lock_guard lock(queueMutex_);
    --underWay_;
    if (run->workspace_ != nullptr) {
      freeWorkspaces_.push_back(std::move(run->workspace_));
    } else {
      --workspaces_;
    }
    run->executable_ = nullptr;
  }
  return status;
}

void Executable::abort(AsyncRun* run) {
  run->aborted.store(true, std::memory_order_relaxed);
  {
    std::lock_guard lock(queueMutex_);
    const auto found = std::find(waiting_.begin(), waiting_.end(), run);
    if (found == waiting_.end()) {
      return;
    }
    waiting_.erase(found);
    --underWay_;
  }
  run->status = Status(StatusCode::aborted, "run: aborted");
  const std::shared_ptr<Executable> keep = std::move(run->executable_);
  run->finished();
}

void Executable::release(std::unique_ptr<Workspace> workspace) {
  AsyncRun* next = nullptr;
  {
    std::lock_guard lock(queueMutex_);
    --underWay_;
    if (waiting_.empty()) {
      freeWorkspaces_.push_back(std::move(workspace));
      return;
    }
    next = waiting_.front();
    waiting_.pop_front();
    next->workspace_ = std::move(workspace);
  }
  // Cannot fail: this is a worker, so there is at least one.
  (void)ThreadPool::instance().submit(next).ok();
}

void AsyncRun::execute() {
  std::shared_ptr<Executable> executable = std::move(executable_);
  status = executable->execute(*slot, *workspace_, scalars, &aborted);
  executable->release(std::move(workspace_));
  executable = nullptr;  // before anybody is told: who then disposes of it gets its memory back at once
  finished();
}

}  // namespace striate
