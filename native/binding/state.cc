#include "program/state.h"

#include "binding/functions.h"

namespace striate::binding {

namespace {

Napi::Value createState(const Napi::CallbackInfo& info) {
  const ArrayView view = arrayView(info.Env(), info[0], "createState: sizes");
  if (view.type != napi_float64_array) {
    throwType(info.Env(), "createState: sizes must be a Float64Array");
  }
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < view.length; ++i) {
    const double size = static_cast<const double*>(view.data)[i];
    if (!(size >= 1 && size <= 9007199254740991.0) || size != static_cast<double>(static_cast<int64_t>(size))) {
      throwType(info.Env(), message::join("createState: size ", i, " must be a positive integer, got ", size));
    }
    sizes.push_back(static_cast<int64_t>(size));
  }
  std::shared_ptr<State> state;
  throwIfRefused(info.Env(), State::create(sizes, physicalMemory(), &state));
  return StateHandle::create(info.Env(), std::move(state));
}

// Arguments: State, Int32Array of tensor numbers, array of as many Float32Arrays of the tensors' sizes.
std::vector<State::Transfer> transfers(const Napi::CallbackInfo& info, const State& state, const char* name) {
  const Napi::Env env = info.Env();
  const ArrayView numbers = arrayView(env, info[1], name);
  if (numbers.type != napi_int32_array) {
    throwType(env, message::join(name, ": tensor numbers must be an Int32Array"));
  }
  // Copied: an element getter below could run JavaScript that changes it.
  const int32_t* first = static_cast<const int32_t*>(numbers.data);
  const std::vector<int32_t> tensors(first, first + numbers.length);
  const napi_value arrays = arrayArgument(info, 2, name, tensors.size());
  std::vector<napi_value> values;
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i] < 0 || static_cast<size_t>(tensors[i]) >= state.sizes().size()) {
      throwType(env, message::join(name, ": there is no tensor ", tensors[i]));
    }
    values.push_back(elementAt(env, arrays, i));
  }
  std::vector<State::Transfer> list;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const size_t tensor = static_cast<size_t>(tensors[i]);
    void* data = arrayData(env, values[i], name, Dtype::f32, state.sizes()[tensor]);
    list.push_back({tensor, static_cast<float*>(data)});
  }
  return list;
}

Napi::Value stateRead(const Napi::CallbackInfo& info) {
  const std::shared_ptr<State> state = StateHandle::from(info, 0).get(info.Env());
  throwIfRefused(info.Env(), state->read(transfers(info, *state, "read")));
  return info.Env().Undefined();
}

Napi::Value stateWrite(const Napi::CallbackInfo& info) {
  const std::shared_ptr<State> state = StateHandle::from(info, 0).get(info.Env());
  throwIfRefused(info.Env(), state->write(transfers(info, *state, "write")));
  return info.Env().Undefined();
}

Napi::Value stateVersion(const Napi::CallbackInfo& info) {
  const State& state = *StateHandle::from(info, 0).get(info.Env());
  return Napi::Number::New(info.Env(), static_cast<double>(state.version()));
}

Napi::Value stateDispose(const Napi::CallbackInfo& info) {
  StateHandle& handle = StateHandle::from(info, 0);
  if (!handle.disposed()) {
    handle.get(info.Env())->dispose();  // also for the Executables that hold it
    handle.dispose(info.Env());
  }
  return info.Env().Undefined();
}

}  // namespace

void exportState(Napi::Env env, Napi::Object exports) {
  exportFunction(env, exports, "createState", createState);
  exportFunction(env, exports, "stateRead", stateRead);
  exportFunction(env, exports, "stateWrite", stateWrite);
  exportFunction(env, exports, "stateVersion", stateVersion);
  exportFunction(env, exports, "stateDispose", stateDispose);
}

}  // namespace striate::binding
