// Names of instruction sets, and what is said of a wrong one.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "base/cpu.h"

namespace striate {
namespace {

std::string listed() {
  std::string names;
  for (const Isa isa : supportedIsas()) names += (names.empty() ? "" : ", ") + std::string(isaName(isa));
  return names;
}

// Sets STRIATE_ISA for one test and puts it back.
class Environment {
 public:
  explicit Environment(const char* value) {
    const char* before = std::getenv("STRIATE_ISA");
    was_ = before != nullptr;
    before_ = was_ ? before : "";
    setenv("STRIATE_ISA", value, 1);
  }
  ~Environment() {
    if (was_) {
      setenv("STRIATE_ISA", before_.c_str(), 1);
    } else {
      unsetenv("STRIATE_ISA");
    }
  }

 private:
  bool was_;
  std::string before_;
};

}  // namespace

TEST_CASE("cpu: avx2 is no less than avx") { CHECK((hasAvx() || !isaSupported(Isa::avx2))); }

TEST_CASE("cpu: every supported set is found by its name, the strongest last") {
  REQUIRE(!supportedIsas().empty());
  CHECK(strongestIsa() == supportedIsas().back());
  for (const Isa isa : supportedIsas()) {
    CHECK(isaSupported(isa));
    Isa found = strongestIsa();
    std::string error;
    CHECK(parseIsa(isaName(isa), &found, &error));
    CHECK(found == isa);
    const Environment environment(isaName(isa));
    CHECK(selectIsa(&found, &error));
    CHECK(found == isa);
    CHECK(bestIsa() == isa);
  }
}

TEST_CASE("cpu: an unknown or missing set is an error that lists the valid ones") {
  Isa isa = strongestIsa();
  std::string error;
  CHECK(!parseIsa("avx1024", &isa, &error));
  CHECK(error == "STRIATE_ISA: expects one of " + listed() + ", got \"avx1024\" (unknown name)");
  CHECK(isa == strongestIsa());
  CHECK(!parseIsa("AVX2", &isa, &error));
  const char* missing = isaSupported(Isa::neon) ? "sse2" : "neon";
  const Environment environment(missing);
  CHECK(!selectIsa(&isa, &error));
  CHECK(error == "STRIATE_ISA: expects one of " + listed() + ", got \"" + missing +
                     "\" (not supported by this machine or build)");
  CHECK(bestIsa() == strongestIsa());
}

TEST_CASE("cpu: an empty STRIATE_ISA is as good as none") {
  const Environment environment("");
  Isa isa = supportedIsas().front();
  std::string error;
  CHECK(selectIsa(&isa, &error));
  CHECK(isa == strongestIsa());
}

}  // namespace striate
