// What a thread is set to while it runs kernels. Denormal numbers cost a hundred cycles each on x86; kernels run with
// them flushed to zero. That mode belongs to the thread, and JavaScript must never see it changed, so it is restored on
// the way out.
//
// Upper halves of vector registers that AVX code of others has left in use make each instruction of SSE wait for the
// one before that wrote the same register (Intel since Skylake): under V8 kernels of sse2 took 2.7 times as long. They
// are cleared on the way in; nobody may count on them across a call.
#pragma once
#include <cstdint>

#include "base/cpu.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace striate {

class KernelMode {
 public:
  KernelMode() : saved_(read()) {
    write(saved_ | kFlush);
#if defined(__x86_64__) || defined(_M_X64)
    if (hasAvx()) asm volatile("vzeroupper");
#endif
  }
  ~KernelMode() { write(saved_); }
  KernelMode(const KernelMode&) = delete;
  KernelMode& operator=(const KernelMode&) = delete;

 private:
#if defined(__x86_64__) || defined(_M_X64)
  using Word = uint32_t;
  static constexpr Word kFlush = 0x8040;  // FTZ (results) and DAZ (operands)
  static Word read() { return _mm_getcsr(); }
  static void write(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = uint64_t;
  static constexpr Word kFlush = uint64_t{1} << 24;  // FPCR.FZ: both
  static Word read() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(Word word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
  using Word = uint32_t;
  static constexpr Word kFlush = 0;
  static Word read() { return 0; }
  static void write(Word) {}
#endif
  Word saved_;
};

}  // namespace striate
