// Entry of the kernel tests: `striate_tests --isa=avx2 [doctest options]`. The instruction set is capped through
// STRIATE_ISA before anything can dispatch; exit code 77 tells ctest that this CPU does not have it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr int kSkipped = 77;
constexpr std::string_view kFlag = "--isa=";

bool cpu_has(std::string_view isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (isa == "sse2") return true;
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == "avx2") return avx2;
  if (isa == "avx512") {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  }
#elif defined(__aarch64__)
  if (isa == "neon") return true;
#endif
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kFlag)) continue;
    const char* isa = argv[i] + kFlag.size();
    if (!cpu_has(isa)) {
      std::printf("skipped: this CPU has no %s\n", isa);
      return kSkipped;
    }
    setenv("STRIATE_ISA", isa, 1);
  }
  doctest::Context context(argc, argv);
  return context.run();
}
