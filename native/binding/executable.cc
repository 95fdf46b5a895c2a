#include "program/executable.h"

#include <algorithm>
#include <cstring>

#include "base/memory.h"
#include "binding/functions.h"

namespace striate::binding {

namespace {

// compile(words, state, check)
Napi::Value compile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const ArrayView words = arrayView(env, info[0], "compile: the encoded Program");
  if (words.type != napi_float64_array) {
    throwType(env, "compile: the encoded Program must be a Float64Array");
  }
  const std::shared_ptr<State> state = StateHandle::from(info, 1).get(env);
  const auto check = static_cast<CheckMode>(integerArgument(info, 2, "compile: the check mode", 0, 2));
  LoadOptions options{.limitBytes = physicalMemory(), .isa = strongestIsa()};
  std::string error;
  if (!selectIsa(&options.isa, &error)) {
    throwIfRefused(env, Status(StatusCode::argument, error));
  }
  std::shared_ptr<Executable> executable;
  throwIfRefused(env, Executable::compile(static_cast<const double*>(words.data), words.length, state, options, check,
                                          &executable));
  return ExecutableHandle::create(env, std::move(executable));
}

// A Float64Array of one element for each step, set to 0.
double* timesArgument(const Napi::CallbackInfo& info, size_t index, size_t steps) {
  const ArrayView times = arrayView(info.Env(), info[index], "profile: milliseconds");
  if (times.type != napi_float64_array || times.length != steps) {
    throwType(info.Env(), message::join("profile: milliseconds must be a Float64Array of ", steps));
  }
  auto* values = static_cast<double*>(times.data);
  std::fill_n(values, steps, 0.0);
  return values;
}

// run(executable, inputs, outputs, rows, learningRate): the hot path.
// profile(the same, milliseconds): also tells what each step took.
template <bool kProfiled>
Napi::Value run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ExecutableHandle& handle = ExecutableHandle::from(info, 0);
  const std::shared_ptr<Executable> executable = handle.get(env);
  RunScalars scalars;
  scalars.rows = integerArgument(info, 3, "run: rows", 1, executable->program().rows);
  scalars.learningRate = numberArgument(info, 4, "run: learningRate");
  const napi_value inputs = arrayArgument(info, 1, "run: inputs", executable->inputs().size());
  const napi_value outputs = arrayArgument(info, 2, "run: outputs", executable->outputs().size());

  Slot* slot = nullptr;
  throwIfRefused(env, executable->syncSlot(&slot));
  copyInputs(env, *executable, scalars.rows, inputs, *slot);
  double* stepMilliseconds = nullptr;
  if constexpr (kProfiled) {
    stepMilliseconds = timesArgument(info, 5, executable->steps().size());
  }
  throwIfRefused(env, executable->runSync(scalars, stepMilliseconds));
  handle.account(env);
  for (uint32_t i = 0; i < executable->outputs().size(); ++i) {
    const int64_t length = executable->liveElements(executable->outputs()[i], scalars.rows);
    void* data = arrayData(env, elementAt(env, outputs, i), "run: output", Dtype::f32, length);
    std::memcpy(data, slot->outputs[i].data(), static_cast<size_t>(length) * sizeof(float));
  }
  return env.Undefined();
}

Napi::Value explain(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Executable> executable = ExecutableHandle::from(info, 0).get(env);
  const Napi::Array list = Napi::Array::New(env);
  uint32_t index = 0;
  for (const StepPlan& step : executable->steps()) {
    const Napi::Object row = Napi::Object::New(env);
    const Napi::Array declined = Napi::Array::New(env);
    for (uint32_t i = 0; i < step.plan->declined.size(); ++i) {
      declined.Set(i, step.plan->declined[i]);
    }
    row.Set("algorithm", step.plan->algorithm);
    row.Set("kernel", step.plan->kernel);
    row.Set("declined", declined);
    row.Set("packedBytes", static_cast<double>(step.plan->packedBytes()));
    row.Set("scratchBytes", static_cast<double>(step.plan->scratchBytes()));
    list.Set(index++, row);
  }
  return list;
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  ExecutableHandle::from(info, 0).dispose(info.Env());
  return info.Env().Undefined();
}

}  // namespace

void copyInputs(Napi::Env env, const Executable& executable, int64_t rows, napi_value inputs, Slot& slot) {
  for (uint32_t i = 0; i < executable.inputs().size(); ++i) {
    const Port& port = executable.inputs()[i];
    const int64_t length = executable.liveElements(port, rows);
    const void* data = arrayData(env, elementAt(env, inputs, i), "run: input", port.dtype, length);
    std::memcpy(slot.inputs[i].data(), data, static_cast<size_t>(length) * (port.dtype == Dtype::u8 ? 1 : 4));
  }
}

void exportExecutable(Napi::Env env, Napi::Object exports) {
  exportFunction(env, exports, "compile", compile);
  exportFunction(env, exports, "run", run<false>);
  exportFunction(env, exports, "profile", run<true>);
  exportFunction(env, exports, "explain", explain);
  exportFunction(env, exports, "dispose", dispose);
}

}  // namespace striate::binding
