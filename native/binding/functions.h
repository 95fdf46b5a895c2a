// What the addon exports, by file. The typed mirror is lib/backend/native/addon.ts.
#pragma once
#include <napi.h>

#include "base/cpu.h"
#include "binding/handle.h"
#include "program/executable.h"
#include "program/state.h"

namespace striate::binding {

struct StateTag {
  static constexpr napi_type_tag value = {0x5d1f0b6c3a7e4f21, 0x9c24e8d07b63a5f1};
  static constexpr const char* name = "a State";
  static constexpr const char* disposed = "state: it was disposed and cannot be used any more";
};
struct ExecutableTag {
  static constexpr napi_type_tag value = {0x7b92c4e1d85f4a06, 0xb1f7305e9ad24c68};
  static constexpr const char* name = "an Executable";
  static constexpr const char* disposed = "executable: it was disposed and cannot run any more";
};
using StateHandle = Handle<State, StateTag>;
using ExecutableHandle = Handle<Executable, ExecutableTag>;

void exportProcess(Napi::Env env, Napi::Object exports);     // process.cc
void exportState(Napi::Env env, Napi::Object exports);       // state.cc
void exportExecutable(Napi::Env env, Napi::Object exports);  // executable.cc
void exportAsync(Napi::Env env, Napi::Object exports);       // async.cc

// Copies inputs[i] into the slot; throws a TypeError for a wrong type or length.
void copyInputs(Napi::Env env, const Executable& executable, int64_t rows, napi_value inputs, Slot& slot);

template <typename Callback>
void exportFunction(Napi::Env env, Napi::Object exports, const char* name, Callback callback) {
  exports.Set(name, Napi::Function::New(env, callback, name));
}

}  // namespace striate::binding
