// Check modes, for tests and for hunting memory bugs (STRIATE_CHECK=1 or 2); a release run pays one comparison.
//
//   poison    arena and outputs are filled with NaN before a run, rows beyond the live ones too, and every arena
//   element
//             again as soon as no later step reads it: a wrong plan or a kernel that reads too far shows as NaN
//   contain   and every step is held to its operands: see Fence; after it, all memory that it may not write is compared
//             with what it was. One run at a time.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "program/program.h"

namespace striate {

enum class CheckMode : uint8_t { off = 0, poison = 1, contain = 2 };

class RunChecker {
 public:
  void plan(const Program& program);
  void beforeRun(const Program& program, const std::vector<std::byte*>& bases, int64_t rows) const;
  // `step`: number in Program::steps.
  void afterStep(size_t step, const std::vector<std::byte*>& bases) const;

 private:
  struct Range {
    size_t storage;
    int64_t first;
    int64_t count;
  };
  std::vector<std::vector<Range>> dead_;  // by step: elements that no later step reads
};

// In builds with AddressSanitizer: while it lives, a step may touch its own operands only, of all that the run owns,
// and its own scratch; anything else is reported with a stack. (In granules of 8 bytes, and not between the pixels of a
// channel slice.) Elsewhere it does nothing.
class Fence {
 public:
  Fence(const Program& program, const std::vector<std::byte*>& bases, const Step& step, std::byte* scratch,
        size_t stepScratch, size_t allScratch);
#if defined(__SANITIZE_ADDRESS__)
  ~Fence();
#endif
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;

 private:
  [[maybe_unused]] const Program& program_;  // all four: in builds without AddressSanitizer
  [[maybe_unused]] const std::vector<std::byte*>& bases_;
  [[maybe_unused]] std::byte* scratch_;
  [[maybe_unused]] size_t scratchBytes_;
};

// All storages as they were, to compare after one step.
class Snapshot {
 public:
  Snapshot(const Program& program, const std::vector<std::byte*>& bases);
  // Everything outside of the step's results is unchanged. A batched result owns its rows up to `rows` only.
  Status compare(const Step& step, int64_t rows) const;

 private:
  const Program& program_;
  const std::vector<std::byte*>& bases_;
  std::vector<std::string> before_;
};

}  // namespace striate
