// Loading and running Programs, with the ops of fake_ops.h. Over 500 lines because each rule of the loader has its line
// in one table here, and runs are tested with the same makers of Programs.
#include "program/program.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "fake_ops.h"
#include "program/executable.h"
#include "program_builder.h"

namespace striate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

LoadOptions options(uint64_t limitBytes = 1 << 20) {
  return {.limitBytes = limitBytes, .isa = bestIsa(), .opAt = fake::opAt};
}

std::shared_ptr<State> makeState(const std::vector<int64_t>& sizes) {
  std::shared_ptr<State> state;
  REQUIRE(State::create(sizes, 1 << 20, &state).ok());
  return state;
}

std::string refusal(const std::vector<double>& words, const std::vector<int64_t>& stateSizes, LoadOptions load) {
  std::shared_ptr<Executable> executable;
  const Status status =
      Executable::compile(words.data(), words.size(), makeState(stateSizes), load, CheckMode::off, &executable);
  return status.message();
}
std::string refusal(const ProgramBuilder& builder, const std::vector<int64_t>& stateSizes = {}) {
  return refusal(builder.words(), stateSizes, options());
}

std::shared_ptr<Executable> compile(const ProgramBuilder& builder, std::shared_ptr<State> state = makeState({}),
                                    CheckMode check = CheckMode::poison) {
  const std::vector<double> words = builder.words();
  std::shared_ptr<Executable> executable;
  const Status status =
      Executable::compile(words.data(), words.size(), std::move(state), options(), check, &executable);
  CHECK(status.message() == "");
  REQUIRE(status.ok());
  return executable;
}

using Floats = std::vector<float>;

Status runSync(Executable& executable, const std::vector<Floats>& inputs, std::vector<Floats>* outputs,
               int64_t rows = 1, double learningRate = 0) {
  const auto array = [](const Floats& values) {
    return CallerArray{reinterpret_cast<std::byte*>(const_cast<float*>(values.data())), values.size() * sizeof(float),
                       true};
  };
  std::vector<CallerArray> in;
  for (const Floats& input : inputs) {
    in.push_back(array(input));
  }
  outputs->clear();
  for (const Port& port : executable.outputs()) {
    outputs->emplace_back(executable.liveElements(port, rows));
  }
  std::vector<CallerArray> out;
  for (const Floats& output : *outputs) {
    out.push_back(array(output));
  }
  return executable.runSync(in.data(), out.data(), {rows, learningRate});
}

// y = (x + 1) + (x + 1) with an arena, capacity 3 rows of 2 channels.
ProgramBuilder doubled() {
  ProgramBuilder builder(3);
  const int x = builder.buffer(builder.storage(StorageKind::input, 6), {3, 2}, true);
  const int y = builder.buffer(builder.storage(StorageKind::output, 6), {3, 2}, true);
  const int t = builder.buffer(builder.storage(StorageKind::arena, 6), {3, 2}, true);
  builder.step(fake::kAdd, {double(x), -1, double(t)}, {1});
  builder.step(fake::kAdd, {double(t), double(t), double(y)}, {0});
  return builder;
}

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

// Every single word of a valid Program, replaced by values that no field may have there.
TEST_CASE("program: refuses words that are no integers of their range") {
  const std::vector<double> valid = doubled().words();
  CHECK(refusal(valid, {}, options()) == "");
  for (size_t i = 0; i < valid.size(); ++i) {
    for (const double bad : {kNaN, std::numeric_limits<double>::infinity(), -2.0, 1e300, -0x1p63, 0x1p53}) {
      std::vector<double> words = valid;
      words[i] = bad;
      INFO("word ", i, " = ", bad);
      const bool attribute = i + 1 == valid.size() || i + 6 == valid.size();
      CHECK((refusal(words, {}, options()) == "") == (attribute && std::isfinite(bad)));
    }
  }
  for (size_t count = 0; count < valid.size(); ++count) {
    CHECK(refusal(std::vector<double>(valid.begin(), valid.begin() + static_cast<long>(count)), {}, options()) != "");
  }
  std::vector<double> longer = valid;
  longer.push_back(0);
  CHECK(refusal(longer, {}, options()) == "program: 1 words follow the last step");
  std::vector<double> fraction = valid;
  fraction[2] = 2.5;
  CHECK(refusal(fraction, {}, options()) == "program: rows must be an integer, got 2.5");
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
    CHECK(refusal(builder) == "program: storage 0: only inputs may hold i32, only inputs and outputs u8, got dtype 1 for kind 1");
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
  const int before = ThreadPool::instance().threads();
  REQUIRE(ThreadPool::instance().setThreads(2).ok());
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
  REQUIRE(ThreadPool::instance().setThreads(before).ok());
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
  REQUIRE(decodeProgram(words.data(), words.size(), options(), &program).ok());
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
