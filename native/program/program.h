// A Program as the addon holds it: decoded from the flat encoding of lib/backend/native/encode.ts and verified. What
// the fields mean is said in lib/graph/program.ts; the layout of the words in decode.cc.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/cpu.h"
#include "base/status.h"
#include "kernels/op.h"

namespace striate {

enum class StorageKind : uint8_t { input = 0, output, state, prepared, arena };
inline constexpr int kStorageKinds = 5;
inline constexpr int kDtypes = 3;

struct Storage {
  StorageKind kind;
  Dtype dtype;
  int64_t size;         // elements at capacity
  int64_t stateTensor;  // kind state: which tensor of the State; 0 otherwise
  // Input and output: some buffer on it is batched, so the caller passes or gets `rows` rows, not always all of it.
  bool batched = false;
  int64_t bytes() const { return size * (dtype == Dtype::u8 ? 1 : 4); }
  int64_t liveElements(int64_t rows, int64_t capacity) const { return batched ? size / capacity * rows : size; }
};

struct Buffer {
  int64_t storage;
  int64_t offset;           // elements
  TensorDesc tensor;        // constant: set by verify()
  int64_t extent() const {  // one past the last element, from the start of the storage
    return offset + (tensor.pixels() - 1) * tensor.pixelStride + tensor.channels();
  }
};

struct Step {
  const OpEntry* op;
  std::vector<int32_t> inputs;  // buffers, as many as the op's operands; -1: left out
  std::vector<int32_t> outputs;
  std::vector<double> attributes;
};

struct Program {
  int64_t rows = 1;
  std::vector<Storage> storages;
  std::vector<Buffer> buffers;
  std::vector<Step> prepare;
  std::vector<Step> steps;
  std::vector<Step> commit;
};

struct LoadOptions {
  // The most bytes a Program may ask for in storages, packed weights and scratch; checked before any of it is
  // allocated.
  uint64_t limitBytes;
  Isa isa;
  // The State is for this Program alone, which packs at once and frees what it need not keep plain as well. Refused for
  // a Program with commit, and where another Program uses the State.
  bool ownsState = false;
  const OpEntry* (*opAt)(size_t index) = &striate::opAt;  // tests put ops of their own here
};

size_t nameCount(const char* const* names);
bool isOptional(const char* name);

// Words to Program: every field is an integer of its range (attributes: finite), every list as long as it says.
// Allocates no more than a small multiple of `count` words.
Status decodeProgram(const double* words, size_t count, const LoadOptions& options, Program* program);

// All rules that hold between fields, the ops' own included; completes the derived fields. `stateSizes`: elements of
// the State's tensors. After this, running the Program cannot leave its storages.
Status verifyProgram(const LoadOptions& options, const std::vector<int64_t>& stateSizes, Program* program);

// The operand as the op sees it; not present for -1.
TensorDesc operandTensor(const Program& program, int32_t buffer);

// Whether two buffers share an element. May say yes for a pair of different strides that interleave without meeting.
bool overlap(const Buffer& a, const Buffer& b);

}  // namespace striate
