// Which instruction sets this process may use. Names are exactly those of STRIATE_ISA, kernel names and explain().
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace striate {

// From weakest to strongest on each architecture. avx2 implies FMA; avx512 is F, VL, BW and DQ, and implies avx2.
enum class Isa : uint8_t { sse2, avx2, avx512, neon };

const char* isaName(Isa isa);

// Every set of this build that CPU *and* operating system support, weakest first; never empty.
const std::vector<Isa>& supportedIsas();
bool isaSupported(Isa isa);

// Whether CPU and operating system know registers wider than those of sse2. False on other architectures.
bool hasAvx();

// The strongest supported set, whatever the environment says.
Isa strongestIsa();

// Reads a name. Returns false, and a message that lists the valid names in *error, for an unknown name or for a set
// that this machine lacks; *isa is then unchanged.
bool parseIsa(std::string_view name, Isa* isa, std::string* error);

// Whether this CPU is known to multiply vectors of avx512 as fast as those of avx2, twice as many numbers at a time:
// server cores of Intel and AMD's Zen 5. On Zen 4 and on Intel's client cores both have the same peak. From CPUID
// alone, not by a measurement, so that results have the same bits from process to process.
bool avx512DoublesPeak();

// Whether this CPU is known to have its L3 far away: a mesh, as in server cores of Intel, which answers in 70 ns and
// more, where AMD's takes 10 to 15. What comes from there is then worth asking for early.
bool hasFarL3();

// What the environment variable STRIATE_ISA asks for, or the strongest set if it is unset or empty. Fails as parseIsa
// does. Reads the environment at each call: the caller keeps the answer.
bool selectIsa(Isa* isa, std::string* error);

// As selectIsa, for callers that cannot report an error (tests, benches): the strongest set if STRIATE_ISA is bad.
Isa bestIsa();

}  // namespace striate
