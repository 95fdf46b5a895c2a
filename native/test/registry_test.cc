#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>

#include "kernels/op.h"

namespace striate {
namespace {

TEST_CASE("registry: every op once, found by name; the addon's table is compared with opSchema.ts in TypeScript") {
  std::set<std::string> names;
  for (size_t i = 0; i < opCount(); ++i) {
    const OpEntry* entry = opAt(i);
    REQUIRE(entry != nullptr);
    CAPTURE(entry->name);
    CHECK(findOp(entry->name) == entry);
    CHECK(names.insert(entry->name).second);
    CHECK(static_cast<bool>(entry->verify));
    CHECK(static_cast<bool>(entry->plan));
  }
  CHECK(opAt(opCount()) == nullptr);
  CHECK(findOp("maxPool2") == nullptr);
  CHECK(std::strcmp(opAt(0)->name, "conv2d") == 0);
  CHECK(std::strcmp(opAt(opCount() - 1)->name, "sgd") == 0);
}

TEST_CASE("registry: what may commit, prepare and work in place") {
  const std::set<std::string> commit = {"batchNorm.updateStatistics", "copy", "sgd"};
  const std::set<std::string> prepare = {"batchNorm.fold", "copy", "fill"};
  for (size_t i = 0; i < opCount(); ++i) {
    const OpEntry& entry = *opAt(i);
    CAPTURE(entry.name);
    CHECK(entry.commit == commit.contains(entry.name));
    CHECK(entry.prepare == prepare.contains(entry.name));
  }
  for (const char* name :
       {"activation", "activation.backward", "add", "batchNorm.inference", "batchNorm.trainBackward"})
    CHECK(findOp(name)->inPlace);
  for (const char* name : {"maxPool2d", "conv2d", "softmax", "batchNorm.train"}) CHECK(!findOp(name)->inPlace);
}

}  // namespace
}  // namespace striate
