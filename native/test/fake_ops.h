// A small op table for tests of the runtime: what they need to provoke, no real op does on demand.
#pragma once
#include <atomic>

#include "kernels/op.h"

namespace striate::fake {

// Numbers of the ops in the table.
enum Op : int {
  kAdd = 0,    // y = a + b, in place allowed; attributes: bias; b is optional
  kCopy,       // y = x, not in place; may commit and prepare
  kFail,       // a data error
  kGate,       // y = x after the gate opens; says that it waits
  kPacked,     // y = x + packed copy of w, where w is constant; counts its packs
  kDecrement,  // state -= learningRate * gradient, commits
  kHungry,     // asks for `bytes` of scratch
  kSplit,      // two results, both = x
  kStray,      // writes into its operand, too: the last one, so that a fuzz can leave it out
};

const OpEntry* opAt(size_t index);

inline std::atomic<bool> gateOpen{true};
inline std::atomic<int> gateWaiting{0};
inline std::atomic<int> packs{0};

}  // namespace striate::fake
