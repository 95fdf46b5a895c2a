// One run of an Executable: the caller's arrays lent or copied, operands bound, what depends on the State prepared,
// steps run, the update committed.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/kernel_mode.h"
#include "program/executable.h"

namespace striate {

namespace {

using Clock = std::chrono::steady_clock;
// Waking a sleeping worker takes 4 us of the caller's time, and it comes 20 to 35 us later; a run that is over sooner
// only takes help from workers that poll already.
constexpr std::chrono::microseconds kWorthWaking(60);

RunContext contextOf(const Workspace& workspace, const RunScalars& scalars) {
  RunContext context;
  context.pool = &ThreadPool::instance();
  context.scratch = workspace.scratch.data();
  context.rows = scalars.rows;
  context.learningRate = scalars.learningRate;
  return context;
}

}  // namespace

// Ops are held to not writing beyond the live rows, but not to not reading there: only a full array is lent. What
// another thread may change meanwhile is copied, so that all steps see one value of each element. Check modes keep to
// memory of our own, which they poison and fence.
bool Executable::mayLend(const Port& port, const CallerArray& array, int64_t rows) const {
  return port.lends && array.exclusive && (!port.batched || rows == program_.rows) && check_ == CheckMode::off &&
         array.bytes >= kLeastLentBytes &&
         (port.dtype == Dtype::u8 || reinterpret_cast<uintptr_t>(array.data) % sizeof(float) == 0);
}

void Executable::lend(const CallerArray* inputs, const CallerArray* outputs, int64_t rows,
                      std::vector<std::byte*>* lent) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    (*lent)[inputs_[i].storage] = mayLend(inputs_[i], inputs[i], rows) ? inputs[i].data : nullptr;
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const auto meets = [&](const CallerArray& array) {
      const auto a = reinterpret_cast<uintptr_t>(outputs[i].data);
      const auto b = reinterpret_cast<uintptr_t>(array.data);
      return a < b + array.bytes && b < a + outputs[i].bytes;
    };
    bool free = mayLend(outputs_[i], outputs[i], rows);
    // An input that is copied is read before the first step writes; copies of outputs come after the last one.
    for (size_t k = 0; free && k < inputs_.size(); ++k) {
      free = (*lent)[inputs_[k].storage] == nullptr || !meets(inputs[k]);
    }
    for (size_t k = 0; free && k < outputs_.size(); ++k) {
      free = k == i || !meets(outputs[k]);
    }
    (*lent)[outputs_[i].storage] = free ? outputs[i].data : nullptr;
  }
}

Status Executable::runSync(const CallerArray* inputs, const CallerArray* outputs, const RunScalars& scalars,
                           double* stepMilliseconds) {
  if (syncSlot_ == nullptr) {
    STRIATE_TRY(takeSlot(&syncSlot_));
  }
  if (syncWorkspace_ == nullptr) {
    STRIATE_TRY(makeWorkspace(&syncWorkspace_));
  }
  Workspace& workspace = *syncWorkspace_;
  lend(inputs, outputs, scalars.rows, &workspace.lent);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (workspace.lent[inputs_[i].storage] == nullptr) {
      std::memcpy(syncSlot_->inputs[i].data(), inputs[i].data, inputs[i].bytes);
    }
  }
  workspace.stepMilliseconds = stepMilliseconds;
  STRIATE_TRY(execute(*syncSlot_, workspace, scalars, nullptr));
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (workspace.lent[outputs_[i].storage] == nullptr) {
      std::memcpy(outputs[i].data, syncSlot_->outputs[i].data(), outputs[i].bytes);
    }
  }
  return okStatus();
}

void Executable::bind(Slot& slot, Workspace& workspace) {
  const auto bindPort = [&](const Port& port, const AlignedMemory& own) {
    std::byte* lent = workspace.lent[port.storage];
    workspace.bases[port.storage] = lent != nullptr ? lent : own.data();
  };
  for (size_t i = 0; i < inputs_.size(); ++i) {
    bindPort(inputs_[i], slot.inputs[i]);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    bindPort(outputs_[i], slot.outputs[i]);
  }
  for (size_t i = 0; i < program_.storages.size(); ++i) {
    const Storage& storage = program_.storages[i];
    if (storage.kind == StorageKind::state) {
      workspace.bases[i] = reinterpret_cast<std::byte*>(state_->tensor(static_cast<size_t>(storage.stateTensor)));
    } else if (storage.kind == StorageKind::prepared) {
      workspace.bases[i] = prepared_[i].data();
    } else if (storage.kind == StorageKind::arena) {
      workspace.bases[i] = workspace.arenas[i].data();
    }
  }
  void** operand = workspace.operands.data();
  const auto bindBuffer = [&](int32_t id) {
    if (id < 0) {
      *operand++ = nullptr;
      return;
    }
    const Buffer& buffer = program_.buffers[static_cast<size_t>(id)];
    const int64_t elementBytes = buffer.tensor.dtype == Dtype::u8 ? 1 : 4;
    std::byte* base = workspace.bases[static_cast<size_t>(buffer.storage)];
    *operand++ = base == nullptr ? nullptr : base + buffer.offset * elementBytes;  // null: the State gave it up
  };
  for (const StepPlan& step : steps_) {
    std::for_each(step.step->inputs.begin(), step.step->inputs.end(), bindBuffer);
    std::for_each(step.step->outputs.begin(), step.step->outputs.end(), bindBuffer);
  }
}

Status Executable::runStep(size_t index, Workspace& workspace, const RunContext& context) {
  const StepPlan& step = steps_[index];
  void* const* in = workspace.operands.data() + step.firstOperand;
  void* const* out = in + step.step->inputs.size();
  if (workspace.stepMilliseconds == nullptr) [[likely]] {
    return step.plan->run(context, in, out);
  }
  const auto start = std::chrono::steady_clock::now();
  Status status = step.plan->run(context, in, out);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  workspace.stepMilliseconds[index] = taken.count();
  return status;
}

Status Executable::runSteps(size_t first, size_t last, Workspace& workspace, RunContext context,
                            const std::atomic<bool>* aborted) {
  for (size_t i = first; i < last; ++i) {
    if (aborted != nullptr && aborted->load(std::memory_order_relaxed)) {
      return Status(StatusCode::aborted, "run: aborted");
    }
    const StepPlan& step = steps_[i];
    context.packed = reinterpret_cast<const float*>(step.packed);
    if (check_ != CheckMode::contain) [[likely]] {
      STRIATE_TRY(runStep(i, workspace, context));
    } else {
      const Snapshot before(program_, workspace.bases);
      {
        const Fence fence(program_, workspace.bases, *step.step, workspace.scratch.data(), step.plan->scratchBytes(),
                          scratchBytes_);
        STRIATE_TRY(runStep(i, workspace, context));
      }
      STRIATE_TRY(before.compare(*step.step, context.rows));
    }
    if (check_ != CheckMode::off && i >= firstStep_ && i < firstCommit_) [[unlikely]] {
      checker_.afterStep(i - firstStep_, workspace.bases);
    }
  }
  return okStatus();
}

// Prepare results and packed weights are functions of the State alone. Several runs may arrive here at once; all of
// them hold the State's lock, so its version stands still and nobody still uses what an older version left.
Status Executable::prepare(Workspace& workspace, const RunContext& context) {
  std::lock_guard lock(prepareMutex_);
  const uint64_t version = state_->version();
  if (preparedVersion_ == version) {
    return okStatus();
  }
  preparedVersion_ = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].packed != nullptr) {
      steps_[i].plan->pack(context, workspace.operands.data() + steps_[i].firstOperand,
                           reinterpret_cast<float*>(steps_[i].packed));
    }
    if (i < firstStep_) {
      STRIATE_TRY(runSteps(i, i + 1, workspace, context, nullptr));
    }
  }
  preparedVersion_ = version;
  return okStatus();
}

// As a first run would, with memory of its own that is then let go.
Status Executable::packNow() {
  std::unique_ptr<Slot> slot;
  STRIATE_TRY(takeSlot(&slot));
  std::unique_ptr<Workspace> workspace;
  Status status = makeWorkspace(&workspace);
  if (status.ok()) {
    const ThreadPool::Running running(ThreadPool::instance(), ThreadPool::Helpers::any);
    const KernelMode mode;
    const RunContext context = contextOf(*workspace, {program_.rows, 0});
    state_->lock().lockShared();
    if (state_->disposed()) {
      status = stateDisposed();
    } else {
      bind(*slot, *workspace);
      status = prepare(*workspace, context);
    }
    state_->lock().unlockShared();
    bytes_ -= arenaBytes_ + scratchBytes_;
  }
  giveSlot(std::move(slot));
  return status;
}

Status Executable::execute(Slot& slot, Workspace& workspace, const RunScalars& scalars,
                           const std::atomic<bool>* aborted) {
  const auto begin = Clock::now();
  const ThreadPool::Running running(ThreadPool::instance(), helpers_.load(std::memory_order_relaxed));
  const KernelMode mode;
  const RunContext context = contextOf(workspace, scalars);
  const bool commits = !program_.commit.empty();
  StateLock& lock = state_->lock();
  commits ? lock.lockUpdate() : lock.lockShared();
  Status status;
  if (state_->disposed()) {
    status = stateDisposed();
  } else {
    bind(slot, workspace);
    if (check_ != CheckMode::off) {
      checker_.beforeRun(program_, workspace.bases, scalars.rows);
    }
    status = prepare(workspace, context);
    if (status.ok()) {
      status = runSteps(firstStep_, firstCommit_, workspace, context, aborted);
    }
    if (status.ok() && commits) {
      status = commit(workspace, context, aborted);
    }
  }
  commits ? lock.unlockUpdate() : lock.unlockShared();
  // The next run is likely to be as long as this one.
  const bool wakes = Clock::now() - begin >= kWorthWaking;
  helpers_.store(!wakes                    ? ThreadPool::Helpers::awake
                 : running.openedRegions() ? ThreadPool::Helpers::expect
                                           : ThreadPool::Helpers::any,
                 std::memory_order_relaxed);
  return status;
}

Status Executable::commit(Workspace& workspace, const RunContext& context, const std::atomic<bool>* aborted) {
  if (aborted != nullptr && aborted->load(std::memory_order_relaxed)) {
    return Status(StatusCode::aborted, "run: aborted");
  }
  state_->lock().lockExclusive();
  Status status = runSteps(firstCommit_, steps_.size(), workspace, context, nullptr);
  state_->bumpVersion();
  state_->lock().unlockExclusive();
  return status;
}

}  // namespace striate
