#include "program/executable.h"

#include <algorithm>
#include <utility>

namespace striate {

namespace {

// What the weights and their packed copies may take together. A small model trades memory for speed freely; a large one
// must not double: ResNet-50 (102 MB of weights) fits 1.5 times its weights, arena included, since what has no room is
// packed in the run. Steps that would pack as a whole come first: what they write and read again costs as much as the
// products of some, and on two threads it crosses from core to core. Then the others, from the fewest pixels up: the
// fewer use a weight, the more packing it costs beside that. ResNet-50 on a Xeon, in program order: 12 ms of 83 for the
// layers of 7x7 pixels, unpacked, since filters transformed for 14x14 had taken the room, to gain 1. On Zen 5, whole
// packing first instead of last: ResNet-50 1.02 x on one thread, 1.05 on two, VGG-16 1.05 and 1.02. ResNet-18 (47 MB)
// is to fit the floor with all its transformed filters (94 MB): with 128 MiB its last layer took 3.1 ms instead of 1.4.
constexpr uint64_t kPackedFloor = uint64_t{136} << 20;
constexpr double kPackedRatio = 1.4;

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
  if (options.ownsState && !created->program_.commit.empty()) {
    return Status(StatusCode::argument, "program: one that changes its State cannot own it");
  }
  STRIATE_TRY(created->plan(options));
  if (check != CheckMode::off) {
    created->checker_.plan(created->program_);
  }
  if (!created->state_->attach(options.ownsState)) {
    return Status(StatusCode::argument, options.ownsState ? "program: it cannot own a State that others use"
                                                          : "program: its State is owned by another Program");
  }
  if (options.ownsState) {
    STRIATE_TRY(created->packAndGiveUp());
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
  if (options.ownsState) {
    readers_.resize(state_->sizes().size());
    for (const Step& step : program_.steps) {
      for (const int32_t id : step.inputs) {
        if (stateTensorOf(id) >= 0) ++readers_[static_cast<size_t>(stateTensorOf(id))];
      }
    }
  }
  size_t operands = 0;
  for (const std::vector<Step>* list : {&program_.prepare, &program_.steps, &program_.commit}) {
    if (list == &program_.steps) firstStep_ = steps_.size();
    if (list == &program_.commit) firstCommit_ = steps_.size();
    for (const Step& step : *list) {
      StepPlan planned;
      planned.step = &step;
      planned.firstOperand = operands;
      operands += step.inputs.size() + step.outputs.size();
      steps_.push_back(std::move(planned));
    }
  }
  std::vector<StepPlan*> byNeed;
  for (StepPlan& step : steps_) byNeed.push_back(&step);
  const auto pixelsOf = [&](const StepPlan* planned) {
    const std::vector<int32_t>& results = planned->step->outputs;
    return results.empty() ? 0 : operandTensor(program_, results.front()).pixels();
  };
  const auto rank = [&](const StepPlan* planned) {
    const int64_t pixels = pixelsOf(planned);
    return std::pair(pixels < kWholePackRows, pixels);
  };
  std::stable_sort(byNeed.begin(), byNeed.end(),
                   [&](const StepPlan* a, const StepPlan* b) { return rank(a) < rank(b); });
  for (StepPlan* step : byNeed) {
    STRIATE_TRY(planStep(options, step, &total));
  }

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

Status Executable::planStep(const LoadOptions& options, StepPlan* planned, uint64_t* total) {
  const Step& step = *planned->step;
  std::vector<TensorDesc> in;
  std::vector<TensorDesc> out;
  for (const int32_t id : step.inputs) {
    in.push_back(operandTensor(program_, id));
  }
  for (const int32_t id : step.outputs) {
    out.push_back(operandTensor(program_, id));
  }
  const uint64_t budget = packedBudget_ + replacedBytes(step);
  planned->plan = step.op->plan({in.data(), out.data(), step.attributes.data(), program_.rows, options.isa, budget});
  const uint64_t packed = planned->plan->packedBytes();
  const uint64_t scratch = planned->plan->scratchBytes();
  // The scratch of a run is that of its hungriest step.
  const uint64_t more = scratch > scratchBytes_ ? scratch - scratchBytes_ : 0;
  if (packed > options.limitBytes || more > options.limitBytes || *total + packed + more > options.limitBytes) {
    STRIATE_COUNT_REFUSAL();
    return Status(StatusCode::memory,
                  message::join("program: ", step.op->name, " needs ", packed, " bytes packed and ", scratch,
                                " bytes of scratch, which exceeds the limit of ", options.limitBytes, " bytes"));
  }
  *total += packed + more;
  if (packed > 0) packedBudget_ = budget - std::min(budget, packed);
  scratchBytes_ += static_cast<size_t>(more);
  return okStatus();
}

// -1: the buffer is missing, or no State's.
int64_t Executable::stateTensorOf(int32_t buffer) const {
  if (buffer < 0) {
    return -1;
  }
  const Storage& storage =
      program_.storages[static_cast<size_t>(program_.buffers[static_cast<size_t>(buffer)].storage)];
  return storage.kind == StorageKind::state ? static_cast<int64_t>(storage.stateTensor) : -1;
}

// What the State gives up if this step packs its weights.
uint64_t Executable::replacedBytes(const Step& step) const {
  const int64_t tensor = step.inputs.size() > kPackedOperand ? stateTensorOf(step.inputs[kPackedOperand]) : -1;
  if (readers_.empty() || tensor < 0 || readers_[static_cast<size_t>(tensor)] != 1) {
    return 0;
  }
  return static_cast<uint64_t>(state_->sizes()[static_cast<size_t>(tensor)]) * sizeof(float);
}

// All but what a step reads as it is.
Status Executable::packAndGiveUp() {
  STRIATE_TRY(packNow());
  std::vector<bool> plain(state_->sizes().size());
  for (size_t i = firstStep_; i < firstCommit_; ++i) {
    const std::vector<int32_t>& inputs = steps_[i].step->inputs;
    for (size_t k = 0; k < inputs.size(); ++k) {
      const int64_t tensor = stateTensorOf(inputs[k]);
      const bool replaced = k == kPackedOperand && steps_[i].packed != nullptr;
      if (tensor >= 0 && !replaced) plain[static_cast<size_t>(tensor)] = true;
    }
  }
  std::vector<size_t> rest;
  for (size_t i = 0; i < plain.size(); ++i) {
    if (!plain[i]) rest.push_back(i);
  }
  state_->giveUp(rest);
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

}  // namespace striate
