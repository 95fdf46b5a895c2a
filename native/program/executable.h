// A verified Program bound to a State, with a plan for every step and the memory to run it.
//
// Memory: packed weights (within a budget) and prepared storages belong to the Executable, cached per State version.
// Where it owns the State (LoadOptions::ownsState), the plain tensors behind packed ones are freed when it is compiled.
// A Slot holds the inputs and outputs of one call, a Workspace the arena and scratch of one run under way. Large
// Programs have one Workspace for async runs, so those run one after the other while the next batch is assembled in its
// own Slot; Programs too small to split have several and run side by side, one per core. Sync runs have a Slot and a
// Workspace of their own and never wait for anything that a JavaScript callback would have to give back; JavaScript
// stands still meanwhile, so they work in the caller's arrays where they can.
#pragma once
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/memory.h"
#include "base/pool.h"
#include "program/check.h"
#include "program/program.h"
#include "program/state.h"

namespace striate {

// In the order in which the caller passes them: that of the Program's storages.
struct Port {
  size_t storage;
  Dtype dtype;
  int64_t size;
  bool batched;
  bool lends;  // a sync run may work in the caller's array, see Executable::lend
};

struct Slot {
  std::vector<AlignedMemory> inputs;
  std::vector<AlignedMemory> outputs;
};

// What the caller of a sync run passes for a port: its live elements.
struct CallerArray {
  std::byte* data = nullptr;
  size_t bytes = 0;
  bool exclusive = false;  // no other thread can reach it
};

struct Workspace {
  std::vector<AlignedMemory> arenas;  // by storage; empty for other kinds
  AlignedMemory scratch;
  std::vector<std::byte*> bases;       // by storage, filled at the start of a run
  std::vector<std::byte*> lent;        // by storage: the caller's memory in place of the Slot's; sync runs only
  std::vector<void*> operands;         // of all steps, likewise
  double* stepMilliseconds = nullptr;  // by step, where this run is profiled
};

struct RunScalars {
  int64_t rows = 1;
  double learningRate = 0;
};

struct StepPlan {
  const Step* step = nullptr;
  std::unique_ptr<OpPlan> plan;
  size_t firstOperand = 0;      // in Workspace::operands: the op's operands, then its results
  std::byte* packed = nullptr;  // in Executable::packed_
};

class Executable;

// An asynchronous run: created and deleted by the binding, executed once on a worker.
class AsyncRun : public ThreadPool::Job {
 public:
  virtual ~AsyncRun() = default;
  std::unique_ptr<Slot> slot;
  RunScalars scalars;
  std::atomic<bool> aborted{false};
  Status status;

 protected:
  // The run is over, `status` is set and the Executable no longer knows it. On a worker, or on the thread that cancels.
  virtual void finished() = 0;

 private:
  friend class Executable;
  void execute() final;
  std::shared_ptr<Executable> executable_;
  std::unique_ptr<Workspace> workspace_;
};

class Executable : public std::enable_shared_from_this<Executable> {
 public:
  static Status compile(const double* words, size_t count, std::shared_ptr<State> state, const LoadOptions& options,
                        CheckMode check, std::shared_ptr<Executable>* executable);

  const Program& program() const { return program_; }
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  int64_t liveElements(const Port& port, int64_t rows) const {
    return program_.storages[port.storage].liveElements(rows, program_.rows);
  }
  // In the order prepare, steps, commit.
  const std::vector<StepPlan>& steps() const { return steps_; }
  // Bytes held now, all of them outside of JavaScript's heap.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  // Runs on the calling thread, one at a time. The arrays are those of inputs() and outputs(); they may overlap, and a
  // run that fails leaves the outputs alone.
  // stepMilliseconds: receives what each of steps() took, 0 for those of prepare that had nothing to do; may be null.
  Status runSync(const CallerArray* inputs, const CallerArray* outputs, const RunScalars& scalars,
                 double* stepMilliseconds = nullptr);
  // Whether the last one worked in the caller's array; for tests.
  bool lentSync(size_t storage) const { return syncWorkspace_->lent[storage] != nullptr; }
  // Arrays below this are copied: it costs less than to find out whether they may be lent.
  static constexpr size_t kLeastLentBytes = 4096;

  Status takeSlot(std::unique_ptr<Slot>* slot);
  void giveSlot(std::unique_ptr<Slot> slot);
  // Queues the run. Fails where the queue is full or memory is short; finished() is then not called.
  Status start(AsyncRun* run);
  // Asks a run to stop before its next step; one that still waits in the queue is finished at once.
  void abort(AsyncRun* run);

  // What a run does, in the caller's memory; public for tests.
  Status execute(Slot& slot, Workspace& workspace, const RunScalars& scalars, const std::atomic<bool>* aborted);
  Status makeWorkspace(std::unique_ptr<Workspace>* workspace);

 private:
  friend class AsyncRun;
  Status plan(const LoadOptions& options);
  Status planStep(const LoadOptions& options, StepPlan* planned, uint64_t* total);
  int64_t stateTensorOf(int32_t buffer) const;
  uint64_t replacedBytes(const Step& step) const;
  Status packNow();
  Status packAndGiveUp();
  bool writesWhole(size_t storage) const;
  bool mayLend(const Port& port, const CallerArray& array, int64_t rows) const;
  void lend(const CallerArray* inputs, const CallerArray* outputs, int64_t rows, std::vector<std::byte*>* lent) const;
  void bind(Slot& slot, Workspace& workspace);
  Status prepare(Workspace& workspace, const RunContext& context);
  Status runStep(size_t index, Workspace& workspace, const RunContext& context);
  Status runSteps(size_t first, size_t last, Workspace& workspace, RunContext context,
                  const std::atomic<bool>* aborted);
  Status commit(Workspace& workspace, const RunContext& context, const std::atomic<bool>* aborted);
  void release(std::unique_ptr<Workspace> workspace);
  size_t concurrency() const;

  Program program_;
  std::shared_ptr<State> state_;
  CheckMode check_ = CheckMode::off;
  RunChecker checker_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::vector<StepPlan> steps_;
  size_t firstStep_ = 0;       // behind prepare
  size_t firstCommit_ = 0;     // behind steps
  uint64_t packedBudget_ = 0;  // what packed copies may still take, while planning
  std::vector<int> readers_;   // by State tensor: steps that read it, where the State is owned
  size_t scratchBytes_ = 0;
  size_t arenaBytes_ = 0;
  size_t slotBytes_ = 0;  // of one
  std::atomic<size_t> bytes_{0};
  std::atomic<ThreadPool::Helpers> helpers_{ThreadPool::Helpers::any};  // for the next run

  std::mutex prepareMutex_;
  std::vector<AlignedMemory> prepared_;  // by storage
  AlignedMemory packed_;                 // weights of all steps
  uint64_t preparedVersion_ = 0;

  std::unique_ptr<Slot> syncSlot_;
  std::unique_ptr<Workspace> syncWorkspace_;

  std::mutex queueMutex_;
  std::deque<AsyncRun*> waiting_;
  std::vector<std::unique_ptr<Workspace>> freeWorkspaces_;
  std::vector<std::unique_ptr<Slot>> freeSlots_;
  size_t slots_ = 0;  // free or taken
  size_t workspaces_ = 0;
  size_t underWay_ = 0;  // waiting or executing
};

}  // namespace striate
