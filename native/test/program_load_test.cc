// Loading Programs: each rule of the loader has its line in one table here.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "program_fixture.h"

namespace striate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Every single word of a valid Program, replaced by values that no field may have there.
TEST_CASE("program: refuses words that are no integers of their range") {
  const std::vector<double> valid = doubled().words();
  CHECK(refusal(valid, {}, fakeOptions()) == "");
  for (size_t i = 0; i < valid.size(); ++i) {
    for (const double bad : {kNaN, std::numeric_limits<double>::infinity(), -2.0, 1e300, -0x1p63, 0x1p53}) {
      std::vector<double> words = valid;
      words[i] = bad;
      INFO("word ", i, " = ", bad);
      const bool attribute = i + 1 == valid.size() || i + 6 == valid.size();
      CHECK((refusal(words, {}, fakeOptions()) == "") == (attribute && std::isfinite(bad)));
    }
  }
  for (size_t count = 0; count < valid.size(); ++count) {
    CHECK(refusal(std::vector<double>(valid.begin(), valid.begin() + static_cast<long>(count)), {}, fakeOptions()) !=
          "");
  }
  std::vector<double> longer = valid;
  longer.push_back(0);
  CHECK(refusal(longer, {}, fakeOptions()) == "program: 1 words follow the last step");
  std::vector<double> fraction = valid;
  fraction[2] = 2.5;
  CHECK(refusal(fraction, {}, fakeOptions()) == "program: rows must be an integer, got 2.5");
}

TEST_CASE("program: says what is wrong between fields") {
  {
    ProgramBuilder builder(1);
    builder.buffer(builder.storage(StorageKind::arena, 11), {3, 2, 2}, false);
    CHECK(refusal(builder) ==
          "program: buffer 0: does not fit storage 0 of 11 elements: 6 pixels of 2 channels, offset 0, pixelStride 2");
  }
  {
    ProgramBuilder builder(1);
    builder.buffer(builder.storage(StorageKind::arena, 100), {0x1p40, 0x1p40, 1}, false);
    CHECK(refusal(builder) == "program: buffer 0: the product of its sizes overflows");
  }
  {
    ProgramBuilder builder(1);
    builder.buffer(builder.storage(StorageKind::arena, 100), {0x1p40, 4}, false, 0, 0x1p40);
    CHECK(refusal(builder).find("does not fit storage 0") != std::string::npos);
  }
  {
    ProgramBuilder builder(1);
    builder.buffer(builder.storage(StorageKind::arena, 100), {2, 4}, false, 0, 3);
    CHECK(refusal(builder) == "program: buffer 0: pixelStride 3 is less than its 4 channels");
  }
  {
    ProgramBuilder builder(2);
    builder.buffer(builder.storage(StorageKind::arena, 100), {3, 4}, true);
    CHECK(refusal(builder) == "program: buffer 0: is batched, so its first size must be 2, got 3");
  }
  {
    ProgramBuilder builder(1);
    builder.storage(StorageKind::output, 4, Dtype::i32);
    CHECK(refusal(builder) ==
          "program: storage 0: only inputs may hold i32, only inputs and outputs u8, got dtype 1 for kind 1");
  }
  {
    ProgramBuilder builder(1);
    builder.storage(StorageKind::arena, 1 << 20);
    CHECK(refusal(builder) == "program: its storages take more than the limit of 1048576 bytes");
  }
  {
    ProgramBuilder builder(1);
    builder.storage(StorageKind::state, 4, Dtype::f32, 1);
    CHECK(refusal(builder, {4}) == "program: storage 0: there is no State tensor 1, the State has 1");
    CHECK(refusal(builder, {4, 5}) == "program: storage 0: State tensor 1 has 5 elements, the Program expects 4");
    builder.storage(StorageKind::state, 4, Dtype::f32, 1);
    CHECK(refusal(builder, {4, 4}) == "program: storage 1: State tensor 1 is bound twice");
  }
  {
    ProgramBuilder builder(2);
    builder.buffer(builder.storage(StorageKind::state, 4), {2, 2}, true);
    CHECK(refusal(builder, {4}) == "program: buffer 0: is batched, but storage 0 is of kind state");
  }
  {
    ProgramBuilder builder(2);
    const int input = builder.storage(StorageKind::input, 8);
    builder.buffer(input, {2, 4}, true);
    builder.buffer(input, {2, 2}, true, 2, 4);  // the last channels of both rows
    CHECK(refusal(builder) == "");
    builder.buffer(input, {2, 2}, true);  // rows that are not the storage's
    CHECK(refusal(builder) == "program: buffer 2: its rows do not lie in the 2 rows of storage 0 (8 elements)");
  }
  {
    ProgramBuilder builder(2);
    const int input = builder.storage(StorageKind::input, 8);
    builder.buffer(input, {2, 4}, true);
    builder.buffer(input, {4}, false);
    CHECK(refusal(builder) == "program: buffer 1: is not batched, but storage 0 holds batched buffers");
  }
  {
    ProgramBuilder builder(1);
    const double x = builder.buffer(builder.storage(StorageKind::arena, 4), {4}, false);
    builder.step(99, {x, x});
    CHECK(refusal(builder) == "program: step 0: there is no op 99");
  }
  {
    ProgramBuilder builder(1);
    const double x = builder.buffer(builder.storage(StorageKind::arena, 4), {4}, false);
    builder.step(fake::kAdd, {x, -1, x}, {kNaN});
    CHECK(refusal(builder) == "program: step 0: fake.add: bias must be finite, got NaN");
  }
}

TEST_CASE("program: each list writes its own kind of memory only") {
  struct Case {
    char list;
    StorageKind from;
    StorageKind to;
    const char* message;
  };
  const auto op = static_cast<double>(fake::kCopy);
  for (const Case& c : {
           Case{'s', StorageKind::arena, StorageKind::input,
                "a step writes arena and outputs only, buffer 1 is of kind input"},
           Case{'s', StorageKind::arena, StorageKind::state,
                "a step writes arena and outputs only, buffer 1 is of kind state"},
           Case{'s', StorageKind::arena, StorageKind::prepared,
                "a step writes arena and outputs only, buffer 1 is of kind prepared"},
           Case{'s', StorageKind::state, StorageKind::arena, ""},
           Case{'s', StorageKind::arena, StorageKind::output, ""},
           Case{'p', StorageKind::state, StorageKind::prepared, ""},
           Case{'p', StorageKind::input, StorageKind::prepared,
                "prepare reads state and prepared memory only, buffer 0 is of kind input"},
           Case{'p', StorageKind::state, StorageKind::arena,
                "prepare writes prepared memory only, buffer 1 is of kind arena"},
           Case{'c', StorageKind::arena, StorageKind::state, ""},
           Case{'c', StorageKind::state, StorageKind::arena, "commit writes State only, buffer 1 is of kind arena"},
       }) {
    ProgramBuilder builder(1);
    const double x = builder.buffer(builder.storage(c.from, 4), {4}, false);
    const double y = builder.buffer(builder.storage(c.to, 4), {4}, false);
    c.list == 'p' ? builder.prepare(op, {x, y}) : c.list == 's' ? builder.step(op, {x, y}) : builder.commit(op, {x, y});
    const std::string message = refusal(builder, {4});
    CHECK(message.find(c.message) != std::string::npos);
    CHECK((message == "") == (c.message[0] == '\0'));
  }
  ProgramBuilder prepares(1);
  const double x = prepares.buffer(prepares.storage(StorageKind::state, 4), {4}, false);
  const double y = prepares.buffer(prepares.storage(StorageKind::prepared, 4), {4}, false);
  prepares.prepare(fake::kGate, {x, y});
  CHECK(refusal(prepares, {4}) == "program: prepare 0, fake.gate: this op may not prepare");
  ProgramBuilder commits(1);
  const double z = commits.buffer(commits.storage(StorageKind::state, 4), {4}, false);
  commits.commit(fake::kGate, {z, z});
  CHECK(refusal(commits, {4}) == "program: commit 0, fake.gate: this op may not commit");
}

TEST_CASE("program: results overlap operands only as the same buffer of an op that works in place") {
  const auto message = [](int op, double offset, double stride, double channels) {
    ProgramBuilder builder(1);
    const int arena = builder.storage(StorageKind::arena, 100);
    const double x = builder.buffer(arena, {4, 3}, false, 10, 8);
    const double y = builder.buffer(arena, {4, channels}, false, offset, stride);
    op == fake::kAdd ? builder.step(op, {x, -1, y}, {0}) : builder.step(op, {x, y});
    return refusal(builder);
  };
  CHECK(message(fake::kAdd, 10, 8, 3) == "");  // the very same
  CHECK(message(fake::kGate, 10, 8, 3) ==
        "program: step 0, fake.gate: does not work in place, but result buffer 1 overlaps operand buffer 0");
  CHECK(message(fake::kAdd, 11, 8, 3) ==
        "program: step 0, fake.add: result buffer 1 overlaps operand buffer 0 without being the same");
  CHECK(message(fake::kAdd, 13, 8, 3) == "");                                  // the next channels of the same pixels
  CHECK(message(fake::kAdd, 15, 8, 3).find("overlaps") != std::string::npos);  // around the pixel's end into x
  CHECK(message(fake::kAdd, 37, 4, 3) == "");                                  // behind the last element of x
  CHECK(message(fake::kAdd, 36, 4, 3).find("overlaps") != std::string::npos);
}

TEST_CASE("program: scratch counts against the limit, before it is allocated") {
  ProgramBuilder builder(1);
  const double x = builder.buffer(builder.storage(StorageKind::input, 4), {4}, false);
  const double y = builder.buffer(builder.storage(StorageKind::output, 4), {4}, false);
  builder.step(fake::kHungry, {x, y}, {0x1p40});
  CHECK(refusal(builder) ==
        "program: fake.hungry needs 0 bytes packed and 1099511627776 bytes of scratch, which exceeds the limit of "
        "1048576 bytes");
  ProgramBuilder modest(1);
  const double a = modest.buffer(modest.storage(StorageKind::input, 4), {4}, false);
  const double b = modest.buffer(modest.storage(StorageKind::output, 4), {4}, false);
  modest.step(fake::kHungry, {a, b}, {1000});
  std::vector<Floats> outputs;
  CHECK(runSync(*compile(modest), {{1, 2, 3, 4}}, &outputs).ok());
}

}  // namespace
}  // namespace striate
