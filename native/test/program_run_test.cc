// Running Programs: synchronous and asynchronous, with and without a commit, in the check modes.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "program_fixture.h"
#include "test/with_threads.h"

namespace striate {
namespace {

TEST_CASE("program: runs any number of rows up to its capacity") {
  const auto executable = compile(doubled());
  std::vector<Floats> outputs;
  CHECK(runSync(*executable, {{1, 2, 3, 4, 5, 6}}, &outputs, 3).ok());
  CHECK(outputs[0] == Floats{4, 6, 8, 10, 12, 14});
  CHECK(runSync(*executable, {{7, 8}}, &outputs, 1).ok());
  CHECK(outputs[0] == Floats{16, 18});
}

// z = x + 1; y = z + z: two outputs, the first of which is read again. Each is 16 KiB of 2 rows.
TEST_CASE("program: a sync run in the caller's arrays computes what one on copies does, however they overlap") {
  constexpr int kRow = 2048;
  constexpr int kSize = 2 * kRow;
  ProgramBuilder builder(2);
  const int x = builder.buffer(builder.storage(StorageKind::input, kSize), {2, kRow}, true);
  const int z = builder.buffer(builder.storage(StorageKind::output, kSize), {2, kRow}, true);
  const int y = builder.buffer(builder.storage(StorageKind::output, kSize), {2, kRow}, true);
  builder.step(fake::kAdd, {double(x), -1, double(z)}, {1});
  builder.step(fake::kAdd, {double(z), double(z), double(y)}, {0});
  const auto direct = compile(builder, makeState({}), CheckMode::off);

  // Offsets into one block, in floats.
  struct Case {
    int x, z, y;
    bool exclusive;
    int64_t rows;
    const char* copied;  // of x, z, y
  };
  constexpr int kNext = kSize + 1;  // no more than 4-byte alignment
  for (const Case& c : {
           Case{0, kNext, 2 * kNext, true, 2, ""},
           Case{1, kNext, 2 * kNext, true, 2, ""},
           Case{0, kSize, 2 * kSize, true, 2, ""},
           Case{0, 0, kNext, true, 2, "z"},
           Case{0, kNext, 0, true, 2, "y"},
           Case{kRow, 0, 2 * kNext, true, 2, "z"},
           Case{0, kSize - 1, 2 * kNext, true, 2, "z"},
           Case{0, kNext, kNext, true, 2, "zy"},
           Case{0, kNext, kNext + 1, true, 2, "zy"},
           Case{0, 1, 2, true, 2, "zy"},
           Case{0, kNext, 2 * kNext, false, 2, "xzy"},
           Case{0, kNext, 2 * kNext, true, 1, "xzy"},
       }) {
    INFO("x at ", c.x, ", z at ", c.z, ", y at ", c.y, ", rows ", c.rows);
    Floats block(4 * kSize, -7);
    const int64_t live = c.rows * kRow;
    for (int i = 0; i < live; ++i) {
      block[static_cast<size_t>(c.x + i)] = static_cast<float>(i);
    }
    Floats expected = block;  // as if outputs were copied in their order
    for (const bool second : {false, true}) {
      for (int i = 0; i < live; ++i) {
        expected[static_cast<size_t>((second ? c.y : c.z) + i)] = static_cast<float>(second ? 2 * (i + 1) : i + 1);
      }
    }
    const auto at = [&](int offset) {
      return CallerArray{reinterpret_cast<std::byte*>(block.data() + offset), static_cast<size_t>(live) * sizeof(float),
                         c.exclusive};
    };
    const CallerArray in[] = {at(c.x)};
    const CallerArray out[] = {at(c.z), at(c.y)};
    CHECK(direct->runSync(in, out, {c.rows, 0}).ok());
    CHECK(block == expected);
    std::string copied;
    for (size_t i = 0; i < 3; ++i) {
      copied += direct->lentSync(i) ? "" : std::string(1, "xzy"[i]);
    }
    CHECK(copied == c.copied);
  }
}

// prepared = copy of state; y = x + packed(prepared)
ProgramBuilder prepared() {
  ProgramBuilder builder(1);
  const double w = builder.buffer(builder.storage(StorageKind::state, 1), {1}, false);
  const double p = builder.buffer(builder.storage(StorageKind::prepared, 1), {1}, false);
  const double x = builder.buffer(builder.storage(StorageKind::input, 2), {2}, false);
  const double y = builder.buffer(builder.storage(StorageKind::output, 2), {2}, false);
  builder.prepare(fake::kCopy, {w, p});
  builder.step(fake::kPacked, {x, p, y});
  return builder;
}

TEST_CASE("program: prepares and packs once per State version") {
  const auto state = makeState({1});
  const auto executable = compile(prepared(), state);
  fake::packs = 0;
  std::vector<Floats> outputs;
  float five = 5;
  CHECK(state->write({{0, &five}}).ok());
  for (int i = 0; i < 3; ++i) {
    CHECK(runSync(*executable, {{1, 2}}, &outputs).ok());
    CHECK(outputs[0] == Floats{6, 7});
  }
  CHECK(fake::packs == 1);
  float seven = 7;
  CHECK(state->write({{0, &seven}}).ok());
  CHECK(runSync(*executable, {{1, 2}}, &outputs).ok());
  CHECK(outputs[0] == Floats{8, 9});
  CHECK(fake::packs == 2);
}

// y = x + packed(w) + b, of a State with w, b and a tensor that nobody reads
ProgramBuilder owning() {
  ProgramBuilder builder(1);
  const double w = builder.buffer(builder.storage(StorageKind::state, 1, Dtype::f32, 0), {1}, false);
  const double b = builder.buffer(builder.storage(StorageKind::state, 2, Dtype::f32, 1), {2}, false);
  const double x = builder.buffer(builder.storage(StorageKind::input, 2), {2}, false);
  const double h = builder.buffer(builder.storage(StorageKind::arena, 2), {2}, false);
  const double y = builder.buffer(builder.storage(StorageKind::output, 2), {2}, false);
  builder.step(fake::kPacked, {x, w, h});
  builder.step(fake::kAdd, {h, b, y}, {0});
  return builder;
}

Status compileOwner(const ProgramBuilder& builder, std::shared_ptr<State> state, CheckMode check,
                    std::shared_ptr<Executable>* executable) {
  const std::vector<double> words = builder.words();
  LoadOptions options = fakeOptions();
  options.ownsState = true;
  return Executable::compile(words.data(), words.size(), std::move(state), options, check, executable);
}

TEST_CASE("program: one that owns its State packs at once and frees what no step reads") {
  for (const CheckMode check : {CheckMode::off, CheckMode::poison, CheckMode::contain}) {
    const auto state = makeState({1, 2, 64});
    float w = 5, b[2] = {10, 20}, rest[64] = {};
    REQUIRE(state->write({{0, &w}, {1, b}}).ok());
    fake::packs = 0;
    std::shared_ptr<Executable> executable;
    REQUIRE(compileOwner(owning(), state, check, &executable).ok());
    CHECK(fake::packs == 1);
    CHECK(state->bytes() == 2 * sizeof(float));
    std::vector<Floats> outputs;
    for (int i = 0; i < 2; ++i) {
      CHECK(runSync(*executable, {{1, 2}}, &outputs).ok());
      CHECK(outputs[0] == Floats{16, 27});
    }
    CHECK(fake::packs == 1);
    CHECK(state->read({{1, b}}).ok());
    CHECK(state->read({{1, b}, {2, rest}}).message() ==
          "state: tensor 2 is kept packed only, by the Program that owns the State");
    CHECK(state->write({{1, b}}).code() == StatusCode::argument);
    const std::vector<double> words = owning().words();
    CHECK(Executable::compile(words.data(), words.size(), state, fakeOptions(), check, &executable).message() ==
          "program: its State is owned by another Program");
    state->dispose();
    CHECK(runSync(*executable, {{1, 2}}, &outputs).code() == StatusCode::disposed);
  }
}

TEST_CASE("program: runs of one Executable on several threads prepare once and agree") {
  const auto state = makeState({1});
  const auto executable = compile(prepared(), state, CheckMode::off);
  fake::packs = 0;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::unique_ptr<Slot> slot;
      std::unique_ptr<Workspace> workspace;
      wrong += !executable->takeSlot(&slot).ok() || !executable->makeWorkspace(&workspace).ok();
      for (int i = 0; i < 200; ++i) {
        reinterpret_cast<float*>(slot->inputs[0].data())[0] = 1;
        wrong += !executable->execute(*slot, *workspace, {1, 0}, nullptr).ok();
        wrong += reinterpret_cast<float*>(slot->outputs[0].data())[0] != 1;
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
  CHECK(fake::packs == 1);
}

// t = gate(x); state -= learningRate * t; y = state before
ProgramBuilder training(bool fails = false) {
  ProgramBuilder builder(1);
  const double w = builder.buffer(builder.storage(StorageKind::state, 2), {2}, false);
  const double x = builder.buffer(builder.storage(StorageKind::input, 2), {2}, false);
  const double t = builder.buffer(builder.storage(StorageKind::arena, 2), {2}, false);
  const double y = builder.buffer(builder.storage(StorageKind::output, 2), {2}, false);
  builder.step(fake::kGate, {x, t});
  builder.step(fake::kCopy, {w, y});
  if (fails) {
    builder.step(fake::kFail, {x, y});
  }
  builder.commit(fake::kDecrement, {w, t, w});
  return builder;
}

Floats read(State& state) {
  Floats values(2);
  REQUIRE(state.read({{0, values.data()}}).ok());
  return values;
}

TEST_CASE("program: to own a State that is shared, changed or disposed of is refused") {
  std::shared_ptr<Executable> executable;
  const auto shared = makeState({1, 2});
  const auto other = compile(owning(), shared);
  CHECK(compileOwner(owning(), shared, CheckMode::off, &executable).message() ==
        "program: it cannot own a State that others use");
  CHECK(compileOwner(training(), makeState({2}), CheckMode::off, &executable).message() ==
        "program: one that changes its State cannot own it");
  const auto gone = makeState({1, 2});
  gone->dispose();
  CHECK(compileOwner(owning(), gone, CheckMode::off, &executable).code() == StatusCode::disposed);
  float w = 0;
  CHECK(shared->read({{0, &w}}).ok());
}

TEST_CASE("program: a run with commit changes the State and its version, a failing one neither") {
  const auto state = makeState({2});
  std::vector<Floats> outputs;
  CHECK(runSync(*compile(training(), state), {{1, 2}}, &outputs, 1, 0.5).ok());
  CHECK(outputs[0] == Floats{0, 0});
  CHECK(read(*state) == Floats{-0.5f, -1});
  const uint64_t version = state->version();
  const Status status = runSync(*compile(training(true), state), {{1, 2}}, &outputs, 1, 0.5);
  CHECK(status.code() == StatusCode::data);
  CHECK(status.message() == "fake: label 7 is out of range");
  CHECK(read(*state) == Floats{-0.5f, -1});
  CHECK(state->version() == version);
}

struct TestRun : AsyncRun {
  void finished() override { over = true; }
  void wait() const {
    while (!over) {
      std::this_thread::yield();
    }
  }
  std::atomic<bool> over{false};
};

struct Gate {
  Gate() {
    fake::gateWaiting = 0;
    fake::gateOpen = false;
  }
  ~Gate() { fake::gateOpen = true; }
  static void waitFor(int waiting) {
    while (fake::gateWaiting < waiting) {
      std::this_thread::yield();
    }
  }
};

void start(Executable& executable, TestRun& run) {
  REQUIRE(executable.takeSlot(&run.slot).ok());
  float* x = reinterpret_cast<float*>(run.slot->inputs[0].data());
  x[0] = 1;
  x[1] = 2;
  run.scalars = {1, 1};
  REQUIRE(executable.start(&run).ok());
}

TEST_CASE(
    "program: while a training step computes, predictions and reads go on; abort before the commit changes nothing") {
  const auto state = makeState({2});
  const auto executable = compile(training(), state);
  TestRun aborted;
  {
    const Gate gate;
    start(*executable, aborted);
    Gate::waitFor(1);
    CHECK(read(*state) == Floats{0, 0});
    executable->abort(&aborted);
    CHECK_FALSE(aborted.over);
  }
  aborted.wait();
  CHECK(aborted.status.code() == StatusCode::aborted);
  CHECK(read(*state) == Floats{0, 0});
  TestRun whole;
  start(*executable, whole);
  whole.wait();
  CHECK(whole.status.ok());
  CHECK(read(*state) == Floats{-1, -2});
}

TEST_CASE("program: training runs wait for each other in order; one that waits is aborted at once") {
  const auto state = makeState({2});
  const auto executable = compile(training(), state);
  TestRun first;
  TestRun second;
  TestRun third;
  {
    const Gate gate;
    start(*executable, first);
    start(*executable, second);
    start(*executable, third);
    Gate::waitFor(1);
    executable->abort(&second);
    CHECK(second.over);
    CHECK(second.status.code() == StatusCode::aborted);
    CHECK(fake::gateWaiting == 1);
  }
  first.wait();
  third.wait();
  CHECK(read(*state) == Floats{-2, -4});
}

TEST_CASE("program: the queue is bounded") {
  const auto state = makeState({2});
  const auto executable = compile(training(), state);
  std::vector<std::unique_ptr<TestRun>> runs;
  {
    const Gate gate;
    for (int i = 0; i < 1024; ++i) {
      runs.push_back(std::make_unique<TestRun>());
      start(*executable, *runs.back());
    }
    TestRun tooMany;
    REQUIRE(executable->takeSlot(&tooMany.slot).ok());
    const Status status = executable->start(&tooMany);
    CHECK(status.code() == StatusCode::busy);
    CHECK(status.message() == "run: 1024 runs are under way already; await some first");
  }
  for (auto& run : runs) {
    run->wait();
  }
}

TEST_CASE("program: small runs without commit go side by side") {
  ProgramBuilder builder(1);
  const double x = builder.buffer(builder.storage(StorageKind::input, 2), {2}, false);
  const double y = builder.buffer(builder.storage(StorageKind::output, 2), {2}, false);
  builder.step(fake::kGate, {x, y});
  const auto executable = compile(builder);
  const test::WithThreads with(2);
  TestRun a;
  TestRun b;
  {
    const Gate gate;
    start(*executable, a);
    start(*executable, b);
    Gate::waitFor(2);
  }
  a.wait();
  b.wait();
}

TEST_CASE("program: a disposed State refuses runs, reads and writes") {
  const auto state = makeState({2});
  const auto executable = compile(training(), state);
  state->dispose();
  std::vector<Floats> outputs;
  CHECK(runSync(*executable, {{1, 2}}, &outputs).code() == StatusCode::disposed);
  float values[2] = {};
  CHECK(state->read({{0, values}}).code() == StatusCode::disposed);
  CHECK(state->write({{0, values}}).message() == "state: it was disposed and cannot be used any more");
}

TEST_CASE("program: poison reaches a step that reads dead or unwritten memory") {
  ProgramBuilder builder(1);
  const int arena = builder.storage(StorageKind::arena, 4);
  const double never = builder.buffer(arena, {2}, false, 2);
  const double y = builder.buffer(builder.storage(StorageKind::output, 2), {2}, false);
  builder.step(fake::kCopy, {never, y});
  std::vector<Floats> outputs;
  CHECK(runSync(*compile(builder), {}, &outputs).ok());
  CHECK(std::isnan(outputs[0][0]));

  // t dies with the second step; a kernel that looked at it in the third would see NaN.
  RunChecker checker;
  Program program;
  const std::vector<double> words = doubled().words();
  REQUIRE(decodeProgram(words.data(), words.size(), fakeOptions(), &program).ok());
  checker.plan(program);
  Floats memory[3] = {Floats(6, 1), Floats(6, 1), Floats(6, 1)};
  std::vector<std::byte*> bases;
  for (Floats& storage : memory) {
    bases.push_back(reinterpret_cast<std::byte*>(storage.data()));
  }
  checker.afterStep(0, bases);
  CHECK(memory[2] == Floats(6, 1));
  checker.afterStep(1, bases);
  for (const float element : memory[2]) {
    CHECK(std::isnan(element));
  }
  CHECK(memory[1] == Floats(6, 1));
}

TEST_CASE("program: contain mode catches a kernel that writes outside of its results") {
  ProgramBuilder builder(1);
  const int arena = builder.storage(StorageKind::arena, 4);
  const double x = builder.buffer(builder.storage(StorageKind::input, 2), {2}, false);
  const double y = builder.buffer(arena, {2}, false);
  builder.step(fake::kStray, {x, y});
  std::vector<Floats> outputs;
  CHECK(runSync(*compile(builder, makeState({}), CheckMode::contain), {{1, 2}}, &outputs).message() ==
        "check: fake.stray wrote element 1 of storage 1, outside of its results");
}

TEST_CASE("program: memory is freed when the last holder lets go, and counted meanwhile") {
  const auto executable = compile(doubled());
  CHECK(executable->bytes() == 0);
  std::vector<Floats> outputs;
  CHECK(runSync(*executable, {{1, 2, 3, 4, 5, 6}}, &outputs, 3).ok());
  CHECK(executable->bytes() == 3 * 6 * sizeof(float));
}

}  // namespace
}  // namespace striate
