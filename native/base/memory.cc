#include "base/memory.h"

#include <cstdlib>
#include <cstring>

#if defined(_WIN32)
#include <malloc.h>
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

// Sanitizers see overruns of heap blocks, not of mappings: there every block is a heap block of its exact size.
#if defined(__SANITIZE_ADDRESS__)
#define STRIATE_HEAP_ONLY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STRIATE_HEAP_ONLY 1
#endif
#endif

namespace striate {

namespace {

#if !defined(_WIN32) && !defined(STRIATE_HEAP_ONLY)
constexpr size_t kHugePage = size_t{2} << 20;

size_t roundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }
#endif

Status noMemory(size_t bytes) {
  return Status(StatusCode::memory, message::join("memory: the system refuses ", bytes, " bytes"));
}

}  // namespace

Status AlignedMemory::allocate(size_t bytes) {
  release();
  if (bytes == 0) {
    return okStatus();
  }
  if (bytes > SIZE_MAX / 2) {
    return noMemory(bytes);
  }
#if !defined(_WIN32) && !defined(STRIATE_HEAP_ONLY)
  if (bytes >= kHugePage) {
    // Mapped one huge page too large, so that a block of whole huge pages can be cut out of it.
    const size_t wanted = roundUp(bytes, kHugePage);
    void* mapping = mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
      return noMemory(bytes);
    }
    mapping_ = mapping;
    mappedBytes_ = wanted + kHugePage;
    data_ = reinterpret_cast<std::byte*>(roundUp(reinterpret_cast<uintptr_t>(mapping), kHugePage));
    bytes_ = bytes;
#if defined(MADV_HUGEPAGE)
    madvise(data_, wanted, MADV_HUGEPAGE);  // a wish: where it is refused the memory is only slower
#endif
    return okStatus();
  }
#endif
  void* block = nullptr;
#if defined(_WIN32)
  block = _aligned_malloc(bytes, kAlignment);
#else
  if (posix_memalign(&block, kAlignment, bytes) != 0) {
    block = nullptr;
  }
#endif
  if (block == nullptr) {
    return noMemory(bytes);
  }
  std::memset(block, 0, bytes);
  data_ = static_cast<std::byte*>(block);
  bytes_ = bytes;
  return okStatus();
}

void AlignedMemory::release() {
  if (data_ == nullptr) {
    return;
  }
#if defined(_WIN32)
  _aligned_free(data_);
#else
  if (mapping_ != nullptr) {
    munmap(mapping_, mappedBytes_);
  } else {
    std::free(data_);
  }
#endif
  data_ = nullptr;
  bytes_ = 0;
  mapping_ = nullptr;
  mappedBytes_ = 0;
}

uint64_t physicalMemory() {
#if defined(_WIN32)
  MEMORYSTATUSEX status;
  status.dwLength = sizeof status;
  return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : uint64_t{1} << 32;
#else
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long pageBytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && pageBytes > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(pageBytes)
                                    : uint64_t{1} << 32;
#endif
}

}  // namespace striate
