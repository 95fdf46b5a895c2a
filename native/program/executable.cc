#include "program/executable.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/float_mode.h"

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
// What the weights and their packed copies may take together. A small model trades memory for speed freely; a large one
// must not double: ResNet-50 (102 MB of weights) fits 1.5 times its weights, arena and scratch included, since what has
// no room is packed in the run. Steps take their share in order, so that the early layers, with many pixels to a weight
// and the most to gain from transformed filters, come before the large late ones. ResNet-18 (47 MB) is to fit the floor
// with all its transformed filters (94 MB): with 128 MiB its last layer took 3.1 ms instead of 1.4.
constexpr uint64_t kPackedFloor = uint64_t{136} << 20;
constexpr double kPackedRatio = 1.4;

using Clock = std::chrono::steady_clock;
// Waking a sleeping worker takes 4 us of the caller's time, and it comes 20 to 35 us later; a run that is over sooner
// only takes help from workers that poll already.
constexpr std::chrono::microseconds kWorthWaking(60);

Status allocateStorage(const Storage& storage, AlignedMemory* memory) {
  return memory->allocate(static_cast<size_t>(storage.bytes()));
}

}  // namespace

Status Executable::compile(const double* words, size_t count, std::shared_ptr<State> state, const LoadOptions& options,
                           CheckMode check, std::shared_ptr<Executable>* executable) {
  auto created = std::make_shared<Executable>();
  created->state_ = std::move(state);
  created->check_ = check;
  STRIATE_TRY(decodeProgram(words, count, options, &created->program_));
  STRIATE_TRY(verifyProgram(options, created->state_->sizes(), &created->program_));
  STRIATE_TRY(created->plan(options));
  if (check != CheckMode::off) {
    created->checker_.plan(created->program_);
  }
  *executable = std::move(created);
  return okStatus();
}

Status Executable::plan(const LoadOptions& options) {
  uint64_t total = 0;
  for (size_t i = 0; i < program_.storages.size(); ++i) {
    const Storage& storage = program_.storages[i];
    if (storage.kind == StorageKind::input || storage.kind == StorageKind::output) {
      auto& ports = storage.kind == StorageKind::input ? inputs_ : outputs_;
      ports.push_back({i, storage.dtype, storage.size, storage.batched, storage.dtype != Dtype::i32});
      slotBytes_ += static_cast<size_t>(storage.bytes());
    }
    if (storage.kind == StorageKind::arena) {
      arenaBytes_ += static_cast<size_t>(storage.bytes());
    }
    total += storage.kind == StorageKind::state ? 0 : static_cast<uint64_t>(storage.bytes());
  }
  // A label out of range ends a run in the middle.
  const bool mayFail =
      std::any_of(inputs_.begin(), inputs_.end(), [](const Port& port) { return port.dtype == Dtype::i32; });
  for (Port& port : outputs_) {
    port.lends = !mayFail && writesWhole(port.storage);
  }
  const uint64_t stateBytes = state_->bytes();
  const uint64_t allowed =
      std::max(kPackedFloor, static_cast<uint64_t>(kPackedRatio * static_cast<double>(stateBytes)));
  packedBudget_ = allowed - std::min(allowed, stateBytes);
  size_t operands = 0;
  const auto planList = [&](const std::vector<Step>& list) {
    for (const Step& step : list) {
      STRIATE_TRY(planStep(step, options, &operands, &total));
    }
    return okStatus();
  };
  STRIATE_TRY(planList(program_.prepare));
  firstStep_ = steps_.size();
  STRIATE_TRY(planList(program_.steps));
  firstCommit_ = steps_.size();
  STRIATE_TRY(planList(program_.commit));

  // Everything is known to fit the limit: allocate what belongs to the Executable itself.
  size_t bytes = 0;
  prepared_.resize(program_.storages.size());
  for (size_t i = 0; i < program_.storages.size(); ++i) {
    if (program_.storages[i].kind == StorageKind::prepared) {
      STRIATE_TRY(allocateStorage(program_.storages[i], &prepared_[i]));
      bytes += prepared_[i].bytes();
    }
  }
  // One block, so that it is in huge pages: small blocks of their own cost MobileNetV2's last layers 6 % and
  // SqueezeNet's Winograd filters 10 %.
  const auto packedBytes = [](const StepPlan& step) {
    return (step.plan->packedBytes() + kAlignment - 1) / kAlignment * kAlignment;
  };
  size_t packed = 0;
  for (const StepPlan& step : steps_) {
    packed += packedBytes(step);
  }
  STRIATE_TRY(packed_.allocate(packed));
  std::byte* next = packed_.data();
  for (StepPlan& step : steps_) {
    step.packed = packedBytes(step) > 0 ? next : nullptr;
    next += packedBytes(step);
  }
  bytes += packed_.bytes();
  bytes_ = bytes;
  return okStatus();
}

Status Executable::planStep(const Step& step, const LoadOptions& options, size_t* operands, uint64_t* total) {
  std::vector<TensorDesc> in;
  std::vector<TensorDesc> out;
  for (const int32_t id : step.inputs) {
    in.push_back(operandTensor(program_, id));
  }
  for (const int32_t id : step.outputs) {
    out.push_back(operandTensor(program_, id));
  }
  StepPlan planned;
  planned.step = &step;
  planned.plan =
      step.op->plan({in.data(), out.data(), step.attributes.data(), program_.rows, options.isa, packedBudget_});
  const uint64_t packed = planned.plan->packedBytes();
  const uint64_t scratch = planned.plan->scratchBytes();
  // The scratch of a run is that of its hungriest step.
  const uint64_t more = scratch > scratchBytes_ ? scratch - scratchBytes_ : 0;
  if (packed > options.limitBytes || more > options.limitBytes || *total + packed + more > options.limitBytes) {
    STRIATE_COUNT_REFUSAL();
    return Status(StatusCode::memory,
                  message::join("program: ", step.op->name, " needs ", packed, " bytes packed and ", scratch,
                                " bytes of scratch, which exceeds the limit of ", options.limitBytes, " bytes"));
  }
  *total += packed + more;
  packedBudget_ -= std::min(packedBudget_, packed);
  scratchBytes_ += static_cast<size_t>(more);
  planned.firstOperand = *operands;
  *operands += step.inputs.size() + step.outputs.size();
  steps_.push_back(std::move(planned));
  return okStatus();
}

Status Executable::makeWorkspace(std::unique_ptr<Workspace>* workspace) {
  auto made = std::make_unique<Workspace>();
  made->arenas.resize(program_.storages.size());
  for (size_t i = 0; i < program_.storages.size(); ++i) {
    if (program_.storages[i].kind == StorageKind::arena) {
      STRIATE_TRY(allocateStorage(program_.storages[i], &made->arenas[i]));
    }
  }
  STRIATE_TRY(made->scratch.allocate(scratchBytes_));
  made->bases.resize(program_.storages.size());
  made->lent.resize(program_.storages.size());
  if (!steps_.empty()) {
    const StepPlan& last = steps_.back();
    made->operands.resize(last.firstOperand + last.step->inputs.size() + last.step->outputs.size());
  }
  bytes_ += arenaBytes_ + scratchBytes_;
  *workspace = std::move(made);
  return okStatus();
}

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
      STRIATE_TRY(allocateStorage(program_.storages[port.storage], &memory.back()));
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

// Some step writes all of it: nothing of what the caller's array held would show through.
bool Executable::writesWhole(size_t storage) const {
  return std::any_of(program_.steps.begin(), program_.steps.end(), [&](const Step& step) {
    return std::any_of(step.outputs.begin(), step.outputs.end(), [&](int32_t id) {
      if (id < 0) {
        return false;
      }
      const Buffer& buffer = program_.buffers[static_cast<size_t>(id)];
      return static_cast<size_t>(buffer.storage) == storage && buffer.offset == 0 && buffer.tensor.dense() &&
             buffer.tensor.elements() == program_.storages[storage].size;
    });
  });
}

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
  const std::shared_ptr<Executable> executable = std::move(executable_);
  status = executable->execute(*slot, *workspace_, scalars, &aborted);
  executable->release(std::move(workspace_));
  finished();
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
    *operand++ = workspace.bases[static_cast<size_t>(buffer.storage)] + buffer.offset * elementBytes;
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

Status Executable::execute(Slot& slot, Workspace& workspace, const RunScalars& scalars,
                           const std::atomic<bool>* aborted) {
  ThreadPool& pool = ThreadPool::instance();
  const auto begin = Clock::now();
  const ThreadPool::Running running(pool, helpers_.load(std::memory_order_relaxed));
  const FlushDenormals flush;
  RunContext context;
  context.pool = &pool;
  context.scratch = workspace.scratch.data();
  context.rows = scalars.rows;
  context.learningRate = scalars.learningRate;

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
