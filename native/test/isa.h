// The instruction set under test: every test binary takes --isa=NAME (default: STRIATE_ISA, else the strongest) and
// exits with 77, "skipped", where this machine lacks it.
#pragma once
#include "base/cpu.h"

namespace striate {
Isa testIsa();
}
