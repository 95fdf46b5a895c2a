#include "kernels/registry/registry.h"

#include <cstring>
#include <span>

namespace striate {
namespace {

// In the order of opSchema.ts, which native.ts compares with this when the addon is loaded.
constexpr std::span<const OpEntry> kRooms[] = {
    kConv2dOps,    kIm2colOps,     kFilter2dOps,   kMatmulOps,  kMaxPool2dOps, kAvgPool2dOps,
    kBatchNormOps, kArithmeticOps, kActivationOps, kSoftmaxOps, kLossOps,      kSgdOps,
};

}  // namespace

const OpEntry* opAt(size_t index) {
  for (const auto& room : kRooms) {
    if (index < room.size()) return &room[index];
    index -= room.size();
  }
  return nullptr;
}

size_t opCount() {
  size_t count = 0;
  for (const auto& room : kRooms) count += room.size();
  return count;
}

const OpEntry* findOp(const char* name) {
  for (const auto& room : kRooms) {
    for (const OpEntry& entry : room) {
      if (std::strcmp(entry.name, name) == 0) return &entry;
    }
  }
  return nullptr;
}

}  // namespace striate
