// What belongs to the process: op table, instruction set, thread pool.
#include "base/cpu.h"
#include "base/pool.h"
#include "binding/functions.h"
#include "binding/handle.h"
#include "kernels/op.h"

namespace striate::binding {

namespace {

Napi::Array names(Napi::Env env, const char* const* list) {
  const Napi::Array array = Napi::Array::New(env);
  for (uint32_t i = 0; list[i] != nullptr; ++i) {
    array.Set(i, list[i]);
  }
  return array;
}

Napi::Value opTable(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Array table = Napi::Array::New(env, opCount());
  for (size_t i = 0; i < opCount(); ++i) {
    const OpEntry& op = *opAt(i);
    const Napi::Object row = Napi::Object::New(env);
    row.Set("name", op.name);
    row.Set("operands", names(env, op.operands));
    row.Set("results", names(env, op.results));
    row.Set("attributes", names(env, op.attributes));
    table.Set(static_cast<uint32_t>(i), row);
  }
  return table;
}

Napi::Value info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Isa isa = strongestIsa();
  std::string error;
  if (!selectIsa(&isa, &error)) {
    throwIfRefused(env, Status(StatusCode::argument, error));
  }
  const Napi::Object result = Napi::Object::New(env);
  result.Set("isa", isaName(isa));
  result.Set("threads", ThreadPool::instance().threads());
  result.Set("mostThreads", ThreadPool::maxSlots());
  return result;
}

Napi::Value setThreads(const Napi::CallbackInfo& info) {
  const int64_t threads = integerArgument(info, 0, "setThreads: the number of threads", 1, ThreadPool::maxSlots());
  throwIfRefused(info.Env(), ThreadPool::instance().setThreads(static_cast<int>(threads)));
  return info.Env().Undefined();
}

Napi::Value taskCounters(const Napi::CallbackInfo& info) {
  const Napi::Array array = Napi::Array::New(info.Env());
  uint32_t index = 0;
  for (const uint64_t count : ThreadPool::instance().taskCounters()) {
    array.Set(index++, static_cast<double>(count));
  }
  return array;
}

// memory(): bytes that the States and Executables of this environment hold, and all that V8 was told of by anybody.
Napi::Value memory(const Napi::CallbackInfo& info) {
  int64_t external = 0;
  napi_adjust_external_memory(info.Env(), 0, &external);
  const Napi::Object result = Napi::Object::New(info.Env());
  result.Set("held", static_cast<double>(heldBytes));
  result.Set("external", static_cast<double>(external));
  return result;
}

}  // namespace

void exportProcess(Napi::Env env, Napi::Object exports) {
  exportFunction(env, exports, "opTable", opTable);
  exportFunction(env, exports, "info", info);
  exportFunction(env, exports, "setThreads", setThreads);
  exportFunction(env, exports, "taskCounters", taskCounters);
  exportFunction(env, exports, "memory", memory);
}

}  // namespace striate::binding
