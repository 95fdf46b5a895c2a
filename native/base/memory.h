// Aligned memory for everything that outlives a call: State, arenas, packed weights, input and output slots.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/status.h"

namespace striate {

inline constexpr size_t kAlignment = 64;  // a cache line, and the widest vector

// Owns `bytes()` zeroed bytes. Blocks of 2 MiB and more are mappings advised to use huge pages: first touch of fresh
// memory costs 6 us per 4 KiB page in a virtual machine, 100 ms for 64 MiB, against 18 ms with huge pages.
class AlignedMemory {
 public:
  AlignedMemory() = default;
  AlignedMemory(AlignedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        mapping_(std::exchange(other.mapping_, nullptr)),
        mappedBytes_(std::exchange(other.mappedBytes_, 0)) {}
  AlignedMemory& operator=(AlignedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(mapping_, other.mapping_);
    std::swap(mappedBytes_, other.mappedBytes_);
    return *this;
  }
  ~AlignedMemory() { release(); }

  // Replaces what is held. Zero bytes hold nothing. Fails, holding nothing, where the system has no more.
  Status allocate(size_t bytes);
  void release();

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  void* mapping_ = nullptr;  // null: from the heap
  size_t mappedBytes_ = 0;
};

// Bytes of physical memory; the most a Program may ask for.
uint64_t physicalMemory();

// a + b and a * b of sizes that are not negative; false where the result does not fit.
inline bool addSizes(int64_t a, int64_t b, int64_t* sum) {
  if (a > INT64_MAX - b) {
    return false;
  }
  *sum = a + b;
  return true;
}
inline bool multiplySizes(int64_t a, int64_t b, int64_t* product) {
  if (b != 0 && a > INT64_MAX / b) {
    return false;
  }
  *product = a * b;
  return true;
}

}  // namespace striate
