#include "base/cpu.h"

#include <cstdlib>

namespace striate {
namespace {

std::vector<Isa> detect() {
#if defined(__x86_64__) || defined(_M_X64)
  std::vector<Isa> found = {Isa::sse2};  // part of the x86-64 baseline
  // The builtin reads CPUID and, through XGETBV, whether the OS saves the ymm and zmm states: a CPU flag alone is not
  // enough.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return found;
  found.push_back(Isa::avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq")) {
    found.push_back(Isa::avx512);
  }
  return found;
#elif defined(__aarch64__) || defined(_M_ARM64)
  return {Isa::neon};  // part of the armv8-a baseline
#else
#error "striate has kernels for x86-64 and arm64 only; elsewhere the package runs its TypeScript backend"
#endif
}

}  // namespace

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::sse2:
      return "sse2";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::neon:
      return "neon";
  }
  return "unknown";
}

const std::vector<Isa>& supportedIsas() {
  static const std::vector<Isa> found = detect();
  return found;
}

bool isaSupported(Isa isa) {
  for (Isa candidate : supportedIsas()) {
    if (candidate == isa) return true;
  }
  return false;
}

Isa strongestIsa() { return supportedIsas().back(); }

bool parseIsa(std::string_view name, Isa* isa, std::string* error) {
  std::string valid;
  for (Isa candidate : supportedIsas()) {
    if (name == isaName(candidate)) {
      *isa = candidate;
      return true;
    }
    if (!valid.empty()) valid += ", ";
    valid += isaName(candidate);
  }
  bool known = false;
  for (Isa candidate : {Isa::sse2, Isa::avx2, Isa::avx512, Isa::neon}) known = known || name == isaName(candidate);
  *error = "STRIATE_ISA: expects one of " + valid + ", got \"" + std::string(name) + "\" (" +
           (known ? "not supported by this machine or build" : "unknown name") + ")";
  return false;
}

bool selectIsa(Isa* isa, std::string* error) {
  const char* wanted = std::getenv("STRIATE_ISA");
  if (wanted == nullptr || *wanted == '\0') {
    *isa = strongestIsa();
    return true;
  }
  return parseIsa(wanted, isa, error);
}

Isa bestIsa() {
  Isa isa = strongestIsa();
  std::string ignored;
  selectIsa(&isa, &ignored);
  return isa;
}

}  // namespace striate
