// The contract between the Program runner (native/program) and the ops (native/kernels/<op>).
//
// An op has one entry (OpEntry). verify() is the only twin of the shape rules of lib/ops: it states, in checked 64-bit
// arithmetic, what the op needs of its operands so that run() cannot leave their buffers. plan() chooses the algorithm
// from shape, capacity and ISA only (never from the number of threads), so results do not depend on threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/pool.h"
#include "base/status.h"

namespace striate {

enum class Dtype : uint8_t { f32 = 0, i32 = 1, u8 = 2 };
inline constexpr int kMaxRank = 5;

// What is known of an operand when a Program is compiled. Element [pixel, channel] lives at
// data + pixel * pixelStride + channel, channel over the last dimension and pixel over all others.
struct TensorDesc {
  bool present = false;  // false: an optional operand that was left out; nothing else is meaningful then
  Dtype dtype = Dtype::f32;
  int rank = 0;
  int64_t dims[kMaxRank] =
      {};  // capacity sizes, each >= 1; their product and every byte extent fit int64 (checked by the loader)
  int64_t pixelStride = 0;  // elements, >= channels()
  bool batched = false;     // dims[0] counts rows; a run uses the first `rows` of them
  bool constant = false;  // state or prepared memory in a Program without commit: worth packing once per State version
  int64_t channels() const { return dims[rank - 1]; }
  int64_t pixels() const {  // at capacity
    int64_t p = 1;
    for (int i = 0; i + 1 < rank; ++i) p *= dims[i];
    return p;
  }
  int64_t elements() const { return pixels() * channels(); }
  // Pixels that are live in a run with `rows` rows. A batched tensor of rank 1 is one pixel of `rows` channels.
  int64_t livePixels(int64_t rows) const { return batched && rank > 1 ? pixels() / dims[0] * rows : pixels(); }
  int64_t liveChannels(int64_t rows) const { return batched && rank == 1 ? rows : channels(); }
  bool dense() const { return pixelStride == channels(); }
};

// The operand that pack() packs.
inline constexpr size_t kPackedOperand = 1;

// From so many rows on, what is packed in a run is packed as a whole, in a phase of its own before the products; below,
// by the tasks that use it.
inline constexpr int64_t kWholePackRows = 512;

struct OpRequest {
  const TensorDesc* in = nullptr;  // as many as the schema's operands
  const TensorDesc* out = nullptr;
  const double* attributes = nullptr;  // as many as the schema's attributes, all finite
  int64_t rows = 1;                    // capacity
  Isa isa = Isa::sse2;
  // Bytes that this step may still keep as a packed or transformed copy of its weights (OpPlan::packedBytes). What does
  // not fit is packed at every run, in scratch. A plan that packs cheaply beside its work leaves the budget to others.
  uint64_t packedBudget = UINT64_MAX;
};

struct RunContext {
  ThreadPool* pool = nullptr;
  std::byte* scratch = nullptr;   // OpPlan::scratchBytes() bytes, 64-byte aligned, shared by all tasks of this step
  const float* packed = nullptr;  // OpPlan::packedBytes() bytes filled by pack(), or null
  int64_t rows = 1;
  double learningRate = 0;
};

// What one execution of an op needs, chosen once at compile time. Immutable: several runs may use it at once.
class OpPlan {
 public:
  virtual ~OpPlan() = default;
  // Scratch for one run (all threads together; sized for a fixed maximum of tasks, so it may be indexed by task, or by
  // ThreadPool::slot() which is < ThreadPool::maxSlots()).
  virtual size_t scratchBytes() const { return 0; }
  // Weights packed once per State version: only where the operand is `constant`. A run that is given a packed copy does
  // not read the operand itself, which may then be null.
  virtual size_t packedBytes() const { return 0; }
  virtual void pack(const RunContext&, const void* const* /*in*/, float* /*packed*/) const {}
  // in[i] / out[i]: base pointers of the operands (null where absent). 16-byte aligned at best; pixel strides as
  // planned. Returns a status only for what depends on data (a label out of range); shapes were verified.
  virtual Status run(const RunContext& context, const void* const* in, void* const* out) const = 0;

  std::string algorithm;              // "implicitGemm"
  std::string kernel;                 // "conv2d_fwd_f32_igemm_6x16__avx2"
  std::vector<std::string> declined;  // "winograd: stride is 2"
};

struct OpEntry {
  const char* name;               // as in lib/graph/opSchema.ts
  const char* const* operands;    // names, "?" at the end of optional ones; null-terminated
  const char* const* results;     // likewise
  const char* const* attributes;  // likewise
  Status (*verify)(const OpRequest&);
  std::unique_ptr<OpPlan> (*plan)(const OpRequest&);
  bool commit = false;   // may write state (in place): sgd, batchNorm.updateStatistics, copy
  bool prepare = false;  // may stand in the prepare list
  // A result may be the very buffer of an operand (same storage, offset, stride, shape): element i is read before it is
  // written. Implied by `commit`. Any other overlap of a result with an operand is refused by the loader.
  bool inPlace = false;
  // A result may be u8; of all other ops results are f32.
  bool toBytes = false;
};

// native/kernels/registry/registry.cc: every op, in the order of opSchema.ts.
const OpEntry* findOp(const char* name);
const OpEntry* opAt(size_t index);  // null past the end
size_t opCount();

}  // namespace striate
