#include "program/check.h"

#include <algorithm>
#include <cstring>
#include <limits>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace striate {

namespace {

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();
constexpr int kPoisonByte = 0xa5;

// Calls visit(first, count) for the runs of consecutive elements that `rows` rows of a buffer occupy in its storage.
template <typename Visit>
void forEachRun(const Buffer& buffer, int64_t rows, const Visit& visit) {
  const TensorDesc& tensor = buffer.tensor;
  const int64_t pixels = tensor.livePixels(rows);
  const int64_t channels = tensor.liveChannels(rows);
  if (tensor.pixelStride == channels) {
    visit(buffer.offset, pixels * channels);
    return;
  }
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    visit(buffer.offset + pixel * tensor.pixelStride, channels);
  }
}

#if defined(__SANITIZE_ADDRESS__)
// Not shared with other runs, as State and prepared memory are.
bool isOwn(const Storage& storage) {
  return storage.kind != StorageKind::state && storage.kind != StorageKind::prepared;
}
#endif

void poison(std::byte* base, int64_t first, int64_t count) {
  float* elements = reinterpret_cast<float*>(base);
  std::fill(elements + first, elements + first + count, kPoison);
}

}  // namespace

// Backwards over the run: what is live after a step is what later steps read before they write it.
void RunChecker::plan(const Program& program) {
  std::vector<std::vector<bool>> live(program.storages.size());
  for (size_t i = 0; i < program.storages.size(); ++i) {
    if (program.storages[i].kind == StorageKind::arena) {
      live[i].resize(static_cast<size_t>(program.storages[i].size));
    }
  }
  const auto set = [&](int32_t id, bool value) {
    if (id < 0) {
      return;
    }
    const Buffer& buffer = program.buffers[static_cast<size_t>(id)];
    std::vector<bool>& bits = live[static_cast<size_t>(buffer.storage)];
    if (!bits.empty()) {
      forEachRun(buffer, program.rows, [&](int64_t first, int64_t count) {
        std::fill(bits.begin() + first, bits.begin() + first + count, value);
      });
    }
  };
  const auto stepBack = [&](const Step& step) {
    for (const int32_t id : step.outputs) {
      set(id, false);
    }
    for (const int32_t id : step.inputs) {
      set(id, true);
    }
  };
  for (size_t i = program.commit.size(); i-- > 0;) {
    stepBack(program.commit[i]);
  }
  dead_.assign(program.steps.size(), {});
  for (size_t i = program.steps.size(); i-- > 0;) {
    const Step& step = program.steps[i];
    for (const std::vector<int32_t>* operands : {&step.inputs, &step.outputs}) {
      for (const int32_t id : *operands) {
        if (id < 0 || live[static_cast<size_t>(program.buffers[static_cast<size_t>(id)].storage)].empty()) {
          continue;
        }
        const Buffer& buffer = program.buffers[static_cast<size_t>(id)];
        const std::vector<bool>& bits = live[static_cast<size_t>(buffer.storage)];
        forEachRun(buffer, program.rows, [&](int64_t first, int64_t count) {
          for (int64_t at = first; at < first + count;) {
            int64_t end = at;
            while (end < first + count && !bits[static_cast<size_t>(end)]) {
              ++end;
            }
            if (end > at) {
              dead_[i].push_back({static_cast<size_t>(buffer.storage), at, end - at});
            }
            at = end + 1;
          }
        });
      }
    }
    stepBack(step);
  }
}

void RunChecker::beforeRun(const Program& program, const std::vector<std::byte*>& bases, int64_t rows) const {
  for (size_t i = 0; i < program.storages.size(); ++i) {
    const Storage& storage = program.storages[i];
    const bool written = storage.kind == StorageKind::arena || storage.kind == StorageKind::output;
    if (written && storage.dtype != Dtype::f32) {
      std::memset(bases[i], kPoisonByte, static_cast<size_t>(storage.bytes()));
    } else if (written) {
      poison(bases[i], 0, storage.size);
    } else if (storage.kind == StorageKind::input && storage.dtype == Dtype::f32) {
      const int64_t live = storage.liveElements(rows, program.rows);
      poison(bases[i], live, storage.size - live);
    }
  }
}

void RunChecker::afterStep(size_t step, const std::vector<std::byte*>& bases) const {
  for (const Range& range : dead_[step]) {
    poison(bases[range.storage], range.first, range.count);
  }
}

#if defined(__SANITIZE_ADDRESS__)

Fence::Fence(const Program& program, const std::vector<std::byte*>& bases, const Step& step, std::byte* scratch,
             size_t stepScratch, size_t allScratch)
    : program_(program), bases_(bases), scratch_(scratch), scratchBytes_(allScratch) {
  for (size_t i = 0; i < bases.size(); ++i) {
    if (isOwn(program.storages[i])) {
      ASAN_POISON_MEMORY_REGION(bases[i], static_cast<size_t>(program.storages[i].bytes()));
    }
  }
  for (const std::vector<int32_t>* operands : {&step.inputs, &step.outputs}) {
    for (const int32_t id : *operands) {
      if (id < 0) {
        continue;
      }
      const Buffer& buffer = program.buffers[static_cast<size_t>(id)];
      const int64_t elementBytes = buffer.tensor.dtype == Dtype::u8 ? 1 : 4;
      ASAN_UNPOISON_MEMORY_REGION(bases[static_cast<size_t>(buffer.storage)] + buffer.offset * elementBytes,
                                  static_cast<size_t>((buffer.extent() - buffer.offset) * elementBytes));
    }
  }
  ASAN_POISON_MEMORY_REGION(scratch + stepScratch, allScratch - stepScratch);
}

Fence::~Fence() {
  for (size_t i = 0; i < bases_.size(); ++i) {
    if (isOwn(program_.storages[i])) {
      ASAN_UNPOISON_MEMORY_REGION(bases_[i], static_cast<size_t>(program_.storages[i].bytes()));
    }
  }
  ASAN_UNPOISON_MEMORY_REGION(scratch_, scratchBytes_);
}

#else

Fence::Fence(const Program& program, const std::vector<std::byte*>& bases, const Step&, std::byte* scratch, size_t,
             size_t allScratch)
    : program_(program), bases_(bases), scratch_(scratch), scratchBytes_(allScratch) {}

#endif

Snapshot::Snapshot(const Program& program, const std::vector<std::byte*>& bases) : program_(program), bases_(bases) {
  for (size_t i = 0; i < bases.size(); ++i) {
    // None: a tensor that the State gave up.
    const size_t bytes = bases[i] == nullptr ? 0 : static_cast<size_t>(program.storages[i].bytes());
    before_.emplace_back(bytes == 0 ? "" : reinterpret_cast<const char*>(bases[i]), bytes);
  }
}

Status Snapshot::compare(const Step& step, int64_t rows) const {
  for (size_t i = 0; i < bases_.size(); ++i) {
    const char* now = reinterpret_cast<const char*>(bases_[i]);
    std::string expected = before_[i];
    const size_t elementBytes = program_.storages[i].dtype == Dtype::u8 ? 1 : 4;
    for (const int32_t id : step.outputs) {
      if (id < 0 || program_.buffers[static_cast<size_t>(id)].storage != static_cast<int64_t>(i)) {
        continue;
      }
      forEachRun(program_.buffers[static_cast<size_t>(id)], rows, [&](int64_t first, int64_t count) {
        std::memcpy(expected.data() + static_cast<size_t>(first) * elementBytes,
                    now + static_cast<size_t>(first) * elementBytes, static_cast<size_t>(count) * elementBytes);
      });
    }
    if (!expected.empty() && std::memcmp(expected.data(), now, expected.size()) != 0) {
      size_t at = 0;
      while (expected[at] == now[at]) {
        ++at;
      }
      return Status(StatusCode::program, message::join("check: ", step.op->name, " wrote element ", at / elementBytes,
                                                       " of storage ", i, ", outside of its results"));
    }
  }
  return okStatus();
}

}  // namespace striate
