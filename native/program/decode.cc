// The flat encoding, one float64 word per field (a float64 holds every integer up to 2^53, and attributes as they are):
//
//   header     magic, version, rows, counts of storages, buffers, prepare, steps, commit
//   storage    kind, dtype, size, State tensor (0 unless kind is state)
//   buffer     storage, offset, pixelStride, batched, rank, kMaxRank sizes (0 past the rank)
//   step       op number, then as many words as the op's table says: operands (-1: absent), results, attributes
//
// Nothing follows the last step.
#include <cmath>

#include "base/memory.h"
#include "program/program.h"

namespace striate {

namespace {

constexpr double kMagic = 0x53545249;  // "STRI"
constexpr int64_t kVersion = 1;        // PROGRAM_VERSION of lib/graph/program.ts
constexpr int64_t kMostRows = INT32_MAX;
constexpr int64_t kMostElements = int64_t{1} << 48;  // sums and byte counts of a few thousand of these fit int64
constexpr size_t kStorageWords = 4;
constexpr size_t kBufferWords = 5 + kMaxRank;

class Reader {
 public:
  Reader(const double* words, size_t count, const LoadOptions& options)
      : words_(words), count_(count), options_(options) {}

  Status read(Program* program) {
    STRIATE_REFUSE_IF(count_ < 8, "the header takes 8 words, got ", count_);
    STRIATE_REFUSE_IF(words_[position_++] != kMagic, "it does not begin with the magic word, got ", words_[0]);
    int64_t version = 0;
    STRIATE_TRY(integer("version", kVersion, kVersion, &version));
    STRIATE_TRY(integer("rows", 1, kMostRows, &program->rows));
    int64_t storages = 0;
    int64_t buffers = 0;
    int64_t lists[3] = {};
    // A count beyond the words that are left is refused before anything is reserved for it.
    STRIATE_TRY(integer("number of storages", 0, most(kStorageWords), &storages));
    STRIATE_TRY(integer("number of buffers", 0, most(kBufferWords), &buffers));
    for (int64_t& list : lists) {
      STRIATE_TRY(integer("number of steps", 0, most(1), &list));
    }
    for (int64_t i = 0; i < storages; ++i) {
      STRIATE_TRY(storage(program).in(message::join("storage ", i)));
    }
    for (int64_t i = 0; i < buffers; ++i) {
      STRIATE_TRY(buffer(program).in(message::join("buffer ", i)));
    }
    std::vector<Step>* const targets[] = {&program->prepare, &program->steps, &program->commit};
    const char* const names[] = {"prepare", "step", "commit"};
    for (int list = 0; list < 3; ++list) {
      for (int64_t i = 0; i < lists[list]; ++i) {
        STRIATE_TRY(step(*program, targets[list]).in(message::join(names[list], " ", i)));
      }
    }
    STRIATE_REFUSE_IF(position_ != count_, count_ - position_, " words follow the last step");
    return okStatus();
  }

 private:
  int64_t most(size_t wordsEach) const { return static_cast<int64_t>((count_ - position_) / wordsEach); }

  Status number(const char* what, double* value) {
    STRIATE_REFUSE_IF(position_ == count_, what, " is missing: the words end");
    *value = words_[position_++];
    return okStatus();
  }

  Status integer(const char* what, int64_t least, int64_t greatest, int64_t* value) {
    double word = 0;
    STRIATE_TRY(number(what, &word));
    // Written so that NaN is refused too. Both bounds are exact in float64: they stay below 2^53.
    STRIATE_REFUSE_IF(!(word >= static_cast<double>(least) && word <= static_cast<double>(greatest)), what, " must be ",
                      least, " to ", greatest, ", got ", word);
    STRIATE_REFUSE_IF(word != std::floor(word), what, " must be an integer, got ", word);
    *value = static_cast<int64_t>(word);
    return okStatus();
  }

  Status storage(Program* program) {
    int64_t kind = 0;
    int64_t dtype = 0;
    Storage storage{};
    STRIATE_TRY(integer("kind", 0, kStorageKinds - 1, &kind));
    STRIATE_TRY(integer("dtype", 0, kDtypes - 1, &dtype));
    STRIATE_TRY(integer("size", 1, kMostElements, &storage.size));
    storage.kind = static_cast<StorageKind>(kind);
    storage.dtype = static_cast<Dtype>(dtype);
    const bool state = storage.kind == StorageKind::state;
    STRIATE_TRY(integer("State tensor", 0, state ? INT32_MAX : 0, &storage.stateTensor));
    const bool bytesOut = storage.dtype == Dtype::u8 && storage.kind == StorageKind::output;
    STRIATE_REFUSE_IF(storage.dtype != Dtype::f32 && storage.kind != StorageKind::input && !bytesOut,
                      "only inputs may hold i32, only inputs and outputs u8, got dtype ", dtype, " for kind ", kind);
    program->storages.push_back(storage);
    return okStatus();
  }

  Status buffer(Program* program) {
    Buffer buffer{};
    TensorDesc& tensor = buffer.tensor;
    int64_t batched = 0;
    int64_t rank = 0;
    STRIATE_TRY(integer("storage", 0, static_cast<int64_t>(program->storages.size()) - 1, &buffer.storage));
    STRIATE_TRY(integer("offset", 0, kMostElements, &buffer.offset));
    STRIATE_TRY(integer("pixelStride", 1, kMostElements, &tensor.pixelStride));
    STRIATE_TRY(integer("batched", 0, 1, &batched));
    STRIATE_TRY(integer("rank", 1, kMaxRank, &rank));
    for (int i = 0; i < kMaxRank; ++i) {
      STRIATE_TRY(integer("size", i < rank ? 1 : 0, i < rank ? kMostElements : 0, &tensor.dims[i]));
    }
    tensor.present = true;
    tensor.rank = static_cast<int>(rank);
    tensor.batched = batched == 1;
    const Storage& storage = program->storages[static_cast<size_t>(buffer.storage)];
    tensor.dtype = storage.dtype;

    int64_t pixels = 1;
    for (int i = 0; i + 1 < rank; ++i) {
      STRIATE_REFUSE_IF(!multiplySizes(pixels, tensor.dims[i], &pixels), "the product of its sizes overflows");
    }
    STRIATE_REFUSE_IF(tensor.pixelStride < tensor.channels(), "pixelStride ", tensor.pixelStride, " is less than its ",
                      tensor.channels(), " channels");
    int64_t extent = 0;
    STRIATE_REFUSE_IF(!multiplySizes(pixels - 1, tensor.pixelStride, &extent) ||
                          !addSizes(extent, tensor.channels() + buffer.offset, &extent) || extent > storage.size,
                      "does not fit storage ", buffer.storage, " of ", storage.size, " elements: ", pixels,
                      " pixels of ", tensor.channels(), " channels, offset ", buffer.offset, ", pixelStride ",
                      tensor.pixelStride);
    STRIATE_REFUSE_IF(tensor.batched && tensor.dims[0] != program->rows, "is batched, so its first size must be ",
                      program->rows, ", got ", tensor.dims[0]);
    program->buffers.push_back(buffer);
    return okStatus();
  }

  Status step(const Program& program, std::vector<Step>* list) {
    double number = 0;
    STRIATE_TRY(this->number("op", &number));
    const bool plausible = number >= 0 && number < INT32_MAX && number == std::floor(number);
    Step step{};
    step.op = plausible ? options_.opAt(static_cast<size_t>(number)) : nullptr;
    STRIATE_REFUSE_IF(step.op == nullptr, "there is no op ", number);
    STRIATE_TRY(operands(program, step.op->operands, &step.inputs));
    STRIATE_TRY(operands(program, step.op->results, &step.outputs));
    for (const char* const* name = step.op->attributes; *name != nullptr; ++name) {
      double value = 0;
      STRIATE_TRY(this->number(*name, &value));
      STRIATE_REFUSE_IF(!std::isfinite(value), step.op->name, ": ", *name, " must be finite, got ", value);
      step.attributes.push_back(value);
    }
    list->push_back(std::move(step));
    return okStatus();
  }

  Status operands(const Program& program, const char* const* names, std::vector<int32_t>* buffers) {
    for (; *names != nullptr; ++names) {
      int64_t id = 0;
      const int64_t last = std::min<int64_t>(static_cast<int64_t>(program.buffers.size()) - 1, INT32_MAX);
      STRIATE_TRY(integer(*names, isOptional(*names) ? -1 : 0, last, &id));
      buffers->push_back(static_cast<int32_t>(id));
    }
    return okStatus();
  }

  const double* words_;
  size_t count_;
  const LoadOptions& options_;
  size_t position_ = 0;
};

}  // namespace

size_t nameCount(const char* const* names) {
  size_t count = 0;
  while (names[count] != nullptr) {
    ++count;
  }
  return count;
}

bool isOptional(const char* name) {
  size_t last = 0;
  while (name[last] != '\0') {
    ++last;
  }
  return last > 0 && name[last - 1] == '?';
}

Status decodeProgram(const double* words, size_t count, const LoadOptions& options, Program* program) {
  return Reader(words, count, options).read(program).in("program");
}

}  // namespace striate
