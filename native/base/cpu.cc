#include "base/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#if defined(_WIN32)
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace striate {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
struct X64Features {
  bool avx = false;
  bool avx2 = false;
  bool avx512 = false;
};

#if defined(_WIN32)
// Here the builtin of the others would need a library that comes with clang alone.
__attribute__((target("xsave"))) X64Features x64Features() {
  constexpr unsigned kFma = 1u << 12, kOsSaves = 1u << 27, kAvx = 1u << 28, kAvx2 = 1u << 5;
  constexpr unsigned kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
  constexpr unsigned long long kYmm = 0x6, kZmm = 0xe6;
  int leaf[4];
  __cpuid(leaf, 0);
  if (leaf[0] < 7) return {};
  __cpuid(leaf, 1);
  const auto ecx = static_cast<unsigned>(leaf[2]);
  if ((ecx & kOsSaves) == 0) return {};
  const unsigned long long saved = _xgetbv(0);
  __cpuidex(leaf, 7, 0);
  const auto ebx = static_cast<unsigned>(leaf[1]);
  const bool avx = (ecx & kAvx) != 0 && (saved & kYmm) == kYmm;
  const bool avx2 = avx && (ecx & kFma) != 0 && (ebx & kAvx2) != 0;
  return {avx, avx2, avx2 && (ebx & kAvx512) == kAvx512 && (saved & kZmm) == kZmm};
}
#else
// The builtin reads CPUID and, through XGETBV, whether the OS saves the ymm and zmm states: a CPU flag alone is not
// enough.
X64Features x64Features() {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return {__builtin_cpu_supports("avx") != 0, avx2,
          avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
              __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")};
}
#endif
#endif

#if defined(__x86_64__) || defined(_M_X64)
struct X64Model {
  bool intel = false, amd = false;
  unsigned family = 0, model = 0;
};

X64Model x64Model() {
  unsigned leaf[4] = {};
  const auto read = [&](unsigned number) {
#if defined(_WIN32)
    __cpuid(reinterpret_cast<int*>(leaf), static_cast<int>(number));
#else
    __get_cpuid(number, &leaf[0], &leaf[1], &leaf[2], &leaf[3]);
#endif
  };
  X64Model found;
  read(0);
  found.intel = leaf[1] == 0x756e6547;  // "Genu"
  found.amd = leaf[1] == 0x68747541;    // "Auth"
  read(1);
  found.family = (leaf[0] >> 8 & 0xf) + (leaf[0] >> 20 & 0xff);
  found.model = (leaf[0] >> 4 & 0xf) + (leaf[0] >> 16 & 0xf) * 16;
  return found;
}

bool isIntelServer(const X64Model& cpu) {
  // Skylake, Ice Lake, Sapphire, Emerald and Granite Rapids.
  constexpr unsigned kServers[] = {0x55, 0x6a, 0x6c, 0x8f, 0xcf, 0xad, 0xae};
  return cpu.intel && cpu.family == 6 && std::count(std::begin(kServers), std::end(kServers), cpu.model) > 0;
}
#endif

std::vector<Isa> detect() {
#if defined(__x86_64__) || defined(_M_X64)
  std::vector<Isa> found = {Isa::sse2};  // part of the x86-64 baseline
  const X64Features has = x64Features();
  if (has.avx2) found.push_back(Isa::avx2);
  if (has.avx512) found.push_back(Isa::avx512);
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

bool hasAvx() {
#if defined(__x86_64__) || defined(_M_X64)
  static const bool has = x64Features().avx;
  return has;
#else
  return false;
#endif
}

Isa strongestIsa() { return supportedIsas().back(); }

bool avx512DoublesPeak() {
#if defined(__x86_64__) || defined(_M_X64)
  static const bool doubles = [] {
    const X64Model cpu = x64Model();
    return cpu.amd ? cpu.family == 0x1a : isIntelServer(cpu);
  }();
  return doubles;
#else
  return false;
#endif
}

bool hasFarL3() {
#if defined(__x86_64__) || defined(_M_X64)
  static const bool isFar = isIntelServer(x64Model());
  return isFar;
#else
  return false;
#endif
}

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
