#include "program/executable.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/memory.h"
#include "binding/functions.h"

namespace striate::binding {

namespace {

// compile(words, state, check, ownsState)
Napi::Value compile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const ArrayView words = arrayView(env, info[0], "compile: the encoded Program");
  if (words.type != napi_float64_array) {
    throwType(env, "compile: the encoded Program must be a Float64Array");
  }
  StateHandle& stateHandle = StateHandle::from(info, 1);
  const std::shared_ptr<State> state = stateHandle.get(env);
  const auto check = static_cast<CheckMode>(integerArgument(info, 2, "compile: the check mode", 0, 2));
  const bool ownsState = integerArgument(info, 3, "compile: whether it owns the State", 0, 1) == 1;
  LoadOptions options{.limitBytes = physicalMemory(), .isa = strongestIsa(), .ownsState = ownsState};
  std::string error;
  if (!selectIsa(&options.isa, &error)) {
    throwIfRefused(env, Status(StatusCode::argument, error));
  }
  std::shared_ptr<Executable> executable;
  throwIfRefused(env, Executable::compile(static_cast<const double*>(words.data), words.length, state, options, check,
                                          &executable));
  stateHandle.account(env);  // it may have given up tensors
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

// The elements of a list of arrays. Asked for before the memory of any of them: a getter may run JavaScript.
void listElements(napi_env env, napi_value list, size_t count, napi_value* elements) {
  for (size_t i = 0; i < count; ++i) {
    elements[i] = elementAt(env, list, static_cast<uint32_t>(i));
  }
}

// `count` of them, on the stack where they are few: two allocations are a tenth of the shortest run.
template <typename T>
class Few {
 public:
  explicit Few(size_t count) {
    if (count > kInline) {
      more_.resize(count);
    }
  }
  T* data() { return more_.empty() ? few_ : more_.data(); }

 private:
  static constexpr size_t kInline = 8;
  T few_[kInline];
  std::vector<T> more_;
};

CallerArray callerArray(napi_env env, napi_value value, const char* name, Dtype dtype, int64_t length) {
  CallerArray array;
  napi_value buffer = nullptr;
  array.data = static_cast<std::byte*>(arrayData(env, value, name, dtype, length, &buffer));
  array.bytes = static_cast<size_t>(length) * (dtype == Dtype::u8 ? 1 : 4);
  // No for a SharedArrayBuffer.
  array.exclusive = array.bytes >= Executable::kLeastLentBytes &&
                    napi_is_arraybuffer(env, buffer, &array.exclusive) == napi_ok && array.exclusive;
  return array;
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

  const size_t count = executable->inputs().size();
  const size_t ports = count + executable->outputs().size();
  Few<napi_value> elements(ports);
  listElements(env, inputs, count, elements.data());
  listElements(env, outputs, ports - count, elements.data() + count);
  // From here on no JavaScript runs: its memory stays where it is.
  Few<CallerArray> arrays(ports);
  for (size_t i = 0; i < ports; ++i) {
    const Port& port = i < count ? executable->inputs()[i] : executable->outputs()[i - count];
    arrays.data()[i] = callerArray(env, elements.data()[i], i < count ? "run: input" : "run: output", port.dtype,
                                   executable->liveElements(port, scalars.rows));
  }
  double* stepMilliseconds = nullptr;
  if constexpr (kProfiled) {
    stepMilliseconds = timesArgument(info, 5, executable->steps().size());
  }
  throwIfRefused(env, executable->runSync(arrays.data(), arrays.data() + count, scalars, stepMilliseconds));
  handle.account(env);
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
