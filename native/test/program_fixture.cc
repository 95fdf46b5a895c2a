#include "program_fixture.h"

#include <doctest/doctest.h>

#include <utility>

namespace striate {

LoadOptions fakeOptions(uint64_t limitBytes) {
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
std::string refusal(const ProgramBuilder& builder, const std::vector<int64_t>& stateSizes) {
  return refusal(builder.words(), stateSizes, fakeOptions());
}

std::shared_ptr<Executable> compile(const ProgramBuilder& builder, std::shared_ptr<State> state, CheckMode check) {
  const std::vector<double> words = builder.words();
  std::shared_ptr<Executable> executable;
  const Status status =
      Executable::compile(words.data(), words.size(), std::move(state), fakeOptions(), check, &executable);
  CHECK(status.message() == "");
  REQUIRE(status.ok());
  return executable;
}

Status runSync(Executable& executable, const std::vector<Floats>& inputs, std::vector<Floats>* outputs, int64_t rows,
               double learningRate) {
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

ProgramBuilder doubled() {
  ProgramBuilder builder(3);
  const int x = builder.buffer(builder.storage(StorageKind::input, 6), {3, 2}, true);
  const int y = builder.buffer(builder.storage(StorageKind::output, 6), {3, 2}, true);
  const int t = builder.buffer(builder.storage(StorageKind::arena, 6), {3, 2}, true);
  builder.step(fake::kAdd, {double(x), -1, double(t)}, {1});
  builder.step(fake::kAdd, {double(t), double(t), double(y)}, {0});
  return builder;
}

}  // namespace striate
