#include <algorithm>

#include "base/memory.h"
#include "program/program.h"

namespace striate {

namespace {

const char* const kKindNames[kStorageKinds] = {"input", "output", "state", "prepared", "arena"};

class Verifier {
 public:
  Verifier(const LoadOptions& options, const std::vector<int64_t>& stateSizes, Program* program)
      : options_(options), stateSizes_(stateSizes), program_(*program) {}

  Status verify() {
    STRIATE_TRY(storages());
    STRIATE_TRY(rows());
    const bool trains = !program_.commit.empty();
    for (Buffer& buffer : program_.buffers) {
      const StorageKind kind = storageOf(buffer).kind;
      buffer.tensor.constant = !trains && (kind == StorageKind::state || kind == StorageKind::prepared);
    }
    STRIATE_TRY(list("prepare", program_.prepare));
    STRIATE_TRY(list("step", program_.steps));
    STRIATE_TRY(list("commit", program_.commit));
    return okStatus();
  }

 private:
  Storage& storageOf(const Buffer& buffer) { return program_.storages[static_cast<size_t>(buffer.storage)]; }
  const Buffer& bufferAt(int32_t id) const { return program_.buffers[static_cast<size_t>(id)]; }
  StorageKind kindOf(int32_t id) { return storageOf(bufferAt(id)).kind; }

  Status storages() {
    std::vector<bool> bound(stateSizes_.size());
    int64_t total = 0;
    for (size_t i = 0; i < program_.storages.size(); ++i) {
      const Storage& storage = program_.storages[i];
      if (storage.kind == StorageKind::state) {
        const size_t tensor = static_cast<size_t>(storage.stateTensor);
        STRIATE_REFUSE_IF(tensor >= stateSizes_.size(), "program: storage ", i, ": there is no State tensor ", tensor,
                          ", the State has ", stateSizes_.size());
        STRIATE_REFUSE_IF(storage.size != stateSizes_[tensor], "program: storage ", i, ": State tensor ", tensor,
                          " has ", stateSizes_[tensor], " elements, the Program expects ", storage.size);
        // Two storages on one tensor would hide an overlap from the checks below.
        STRIATE_REFUSE_IF(bound[tensor], "program: storage ", i, ": State tensor ", tensor, " is bound twice");
        bound[tensor] = true;
        continue;
      }
      if (!addSizes(total, storage.bytes(), &total) || static_cast<uint64_t>(total) > options_.limitBytes) {
        STRIATE_COUNT_REFUSAL();
        return Status(StatusCode::memory, message::join("program: its storages take more than the limit of ",
                                                        options_.limitBytes, " bytes"));
      }
    }
    return okStatus();
  }

  // Where the caller passes or gets live rows only, row r of every buffer must lie in row r of the storage.
  Status rows() {
    for (const Buffer& buffer : program_.buffers) {
      const StorageKind kind = storageOf(buffer).kind;
      if (kind == StorageKind::input || kind == StorageKind::output) {
        storageOf(buffer).batched |= buffer.tensor.batched;
      }
    }
    for (size_t i = 0; i < program_.buffers.size(); ++i) {
      const Buffer& buffer = program_.buffers[i];
      const Storage& storage = storageOf(buffer);
      const TensorDesc& tensor = buffer.tensor;
      STRIATE_REFUSE_IF(tensor.batched && (storage.kind == StorageKind::state || storage.kind == StorageKind::prepared),
                        "program: buffer ", i, ": is batched, but storage ", buffer.storage, " is of kind ",
                        kKindNames[static_cast<int>(storage.kind)]);
      if (!storage.batched) {
        continue;
      }
      STRIATE_REFUSE_IF(!tensor.batched, "program: buffer ", i, ": is not batched, but storage ", buffer.storage,
                        " holds batched buffers");
      const int64_t pixelsPerRow = tensor.rank == 1 ? 1 : tensor.pixels() / tensor.dims[0];
      const int64_t elementsPerRow = tensor.rank == 1 ? 1 : tensor.channels();
      const int64_t rowStride = tensor.rank == 1 ? 1 : pixelsPerRow * tensor.pixelStride;
      STRIATE_REFUSE_IF(rowStride * program_.rows != storage.size ||
                            buffer.offset + (pixelsPerRow - 1) * tensor.pixelStride + elementsPerRow > rowStride,
                        "program: buffer ", i, ": its rows do not lie in the ", program_.rows, " rows of storage ",
                        buffer.storage, " (", storage.size, " elements)");
    }
    return okStatus();
  }

  Status list(const char* name, const std::vector<Step>& steps) {
    for (size_t i = 0; i < steps.size(); ++i) {
      STRIATE_TRY(step(*name, steps[i]).in(message::join("program: ", name, " ", i, ", ", steps[i].op->name)));
    }
    return okStatus();
  }

  // `list`: the first letter of its name, p, s or c.
  Status step(char list, const Step& step) {
    const OpEntry& op = *step.op;
    STRIATE_REFUSE_IF(list == 'p' && !op.prepare, "this op may not prepare");
    STRIATE_REFUSE_IF(list == 'c' && !op.commit, "this op may not commit");
    for (const int32_t id : step.inputs) {
      const bool constant = id < 0 || kindOf(id) == StorageKind::state || kindOf(id) == StorageKind::prepared;
      STRIATE_REFUSE_IF(list == 'p' && !constant, "prepare reads state and prepared memory only, buffer ", id,
                        " is of kind ", kindName(id));
    }
    for (const int32_t id : step.outputs) {
      if (id < 0) {
        continue;
      }
      const StorageKind kind = kindOf(id);
      STRIATE_REFUSE_IF(list == 'p' && kind != StorageKind::prepared, "prepare writes prepared memory only, buffer ",
                        id, " is of kind ", kindName(id));
      STRIATE_REFUSE_IF(list == 's' && kind != StorageKind::arena && kind != StorageKind::output,
                        "a step writes arena and outputs only, buffer ", id, " is of kind ", kindName(id));
      STRIATE_REFUSE_IF(list == 'c' && kind != StorageKind::state, "commit writes State only, buffer ", id,
                        " is of kind ", kindName(id));
      STRIATE_REFUSE_IF(!op.toBytes && bufferAt(id).tensor.dtype != Dtype::f32, "its results are f32, buffer ", id,
                        " is not");
    }
    STRIATE_TRY(overlaps(step));
    return shapes(step);
  }

  const char* kindName(int32_t id) { return kKindNames[static_cast<int>(kindOf(id))]; }

  Status overlaps(const Step& step) {
    const bool inPlace = step.op->inPlace || step.op->commit;
    for (size_t o = 0; o < step.outputs.size(); ++o) {
      const int32_t id = step.outputs[o];
      if (id < 0) {
        continue;
      }
      const Buffer& output = bufferAt(id);
      for (const int32_t other : step.inputs) {
        if (other < 0 || !overlap(output, bufferAt(other))) {
          continue;
        }
        STRIATE_REFUSE_IF(!inPlace, "does not work in place, but result buffer ", id, " overlaps operand buffer ",
                          other);
        STRIATE_REFUSE_IF(!identical(output, bufferAt(other)), "result buffer ", id, " overlaps operand buffer ", other,
                          " without being the same");
      }
      for (size_t p = 0; p < o; ++p) {
        const int32_t other = step.outputs[p];
        STRIATE_REFUSE_IF(other >= 0 && overlap(output, bufferAt(other)), "its results overlap, buffers ", other,
                          " and ", id);
      }
    }
    return okStatus();
  }

  static bool identical(const Buffer& a, const Buffer& b) {
    return a.storage == b.storage && a.offset == b.offset && a.tensor.pixelStride == b.tensor.pixelStride &&
           a.tensor.rank == b.tensor.rank && a.tensor.batched == b.tensor.batched &&
           std::equal(a.tensor.dims, a.tensor.dims + kMaxRank, b.tensor.dims);
  }

  Status shapes(const Step& step) {
    std::vector<TensorDesc> in;
    std::vector<TensorDesc> out;
    for (const int32_t id : step.inputs) {
      in.push_back(operandTensor(program_, id));
    }
    for (const int32_t id : step.outputs) {
      out.push_back(operandTensor(program_, id));
    }
    const OpRequest request{in.data(), out.data(), step.attributes.data(), program_.rows, options_.isa};
    return step.op->verify(request);
  }

  const LoadOptions& options_;
  const std::vector<int64_t>& stateSizes_;
  Program& program_;
};

}  // namespace

TensorDesc operandTensor(const Program& program, int32_t buffer) {
  return buffer < 0 ? TensorDesc{} : program.buffers[static_cast<size_t>(buffer)].tensor;
}

bool overlap(const Buffer& a, const Buffer& b) {
  if (a.storage != b.storage || a.offset >= b.extent() || b.offset >= a.extent()) {
    return false;
  }
  const int64_t stride = a.tensor.pixelStride;
  if (stride != b.tensor.pixelStride) {
    return true;
  }
  // Channel slices of one wider tensor: they meet only where their channel ranges do (neither wraps around a pixel).
  const int64_t firstA = a.offset % stride;
  const int64_t firstB = b.offset % stride;
  const bool wraps = firstA + a.tensor.channels() > stride || firstB + b.tensor.channels() > stride;
  return wraps || (firstA < firstB + b.tensor.channels() && firstB < firstA + a.tensor.channels());
}

Status verifyProgram(const LoadOptions& options, const std::vector<int64_t>& stateSizes, Program* program) {
  return Verifier(options, stateSizes, program).verify();
}

}  // namespace striate
