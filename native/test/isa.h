// The instruction set under test: main.cc turns --isa=NAME into STRIATE_ISA before any test runs.
#pragma once
#include "base/cpu.h"

namespace striate {
inline Isa testIsa() { return bestIsa(); }
}  // namespace striate
