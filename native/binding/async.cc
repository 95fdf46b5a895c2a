// Runs off the JavaScript thread. A run owns copies of its inputs and memory for its outputs, so a worker touches
// nothing of JavaScript: when an environment ends (worker.terminate(), process.exit()) its runs are told to stop, and
// whatever they still do harms nobody. What needs care is only the way back, see Environment::close.
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "binding/functions.h"

namespace striate::binding {

namespace {

class NodeRun;

// One per JavaScript environment (main thread, worker_thread), shared with its runs.
struct Environment {
  std::mutex mutex;
  bool closing = false;  // under the mutex: no call through `finished` any more
  napi_threadsafe_function finished = nullptr;

  // On the JavaScript thread only.
  std::unordered_map<int64_t, NodeRun*> runs;

  static const std::shared_ptr<Environment>& of(napi_env env) {
    void* data = nullptr;
    napi_get_instance_data(env, &data);
    return *static_cast<std::shared_ptr<Environment>*>(data);
  }
  void close();
};

class NodeRun final : public AsyncRun {
 public:
  NodeRun(std::shared_ptr<Environment> environment, std::shared_ptr<Executable> executable, int64_t id)
      : environment_(std::move(environment)), executable_(std::move(executable)), id_(id) {}

  ~NodeRun() override {
    if (slot != nullptr) {
      executable_->giveSlot(std::move(slot));
    }
  }

  Executable& executable() { return *executable_; }

  // JavaScript thread: called through the thread-safe function; env is null where the environment is gone.
  static void settle(napi_env env, napi_value, void*, void* data) {
    const std::unique_ptr<NodeRun> run(static_cast<NodeRun*>(data));
    if (env == nullptr) {
      return;
    }
    Environment& environment = *run->environment_;
    environment.runs.erase(run->id_);
    if (environment.runs.empty()) {
      napi_unref_threadsafe_function(env, environment.finished);
    }
    // Statuses are ignored from here on: in an environment that terminates these calls fail, which is all right, and a
    // C++ exception out of this callback would end the process.
    napi_value result = nullptr;
    Status& status = run->status;
    if (status.ok() && !run->results(env, &result)) {
      status = Status(StatusCode::memory, "run: JavaScript has no memory for the outputs");
    }
    if (status.ok()) {
      napi_resolve_deferred(env, run->deferred, result);
    } else {
      bool pending = false;
      if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
        napi_get_and_clear_last_exception(env, &result);
      }
      napi_reject_deferred(env, run->deferred, makeError(env, status));
    }
  }

  napi_deferred deferred = nullptr;

 private:
  void finished() override {
    const std::shared_ptr<Environment> environment = environment_;  // `this` may be gone before the lock is released
    const std::lock_guard lock(environment->mutex);
    if (environment->closing ||
        napi_call_threadsafe_function(environment->finished, this, napi_tsfn_nonblocking) != napi_ok) {
      delete this;
    }
  }

  bool results(napi_env env, napi_value* list) {
    const std::vector<Port>& ports = executable_->outputs();
    bool ok = napi_create_array_with_length(env, ports.size(), list) == napi_ok;
    for (uint32_t i = 0; ok && i < ports.size(); ++i) {
      const auto length = static_cast<size_t>(executable_->liveElements(ports[i], scalars.rows));
      const bool bytes = ports[i].dtype == Dtype::u8;
      const size_t size = length * (bytes ? 1 : sizeof(float));
      void* data = nullptr;
      napi_value buffer = nullptr;
      napi_value array = nullptr;
      ok = napi_create_arraybuffer(env, size, &data, &buffer) == napi_ok &&
           napi_create_typedarray(env, bytes ? napi_uint8_array : napi_float32_array, length, buffer, 0, &array) ==
               napi_ok &&
           napi_set_element(env, *list, i, array) == napi_ok;
      if (ok) {
        std::memcpy(data, slot->outputs[i].data(), size);
      }
    }
    return ok;
  }

  const std::shared_ptr<Environment> environment_;
  const std::shared_ptr<Executable> executable_;
  const int64_t id_;
};

// A cleanup hook. It was added after the thread-safe function was made and hooks run newest first, so that function is
// still open here. First ask all runs to stop: those that are queued finish now and travel through the function, which
// deletes them when Node empties it. From `closing` on, runs delete themselves. Nothing waits.
void Environment::close() {
  const auto underWay = std::move(runs);
  for (const auto& [id, run] : underWay) {
    run->executable().abort(run);
  }
  const std::lock_guard lock(mutex);
  closing = true;
}

// runAsync(executable, id, inputs, rows, learningRate) -> Promise<(Float32Array | Uint8Array)[]>
Napi::Value runAsync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ExecutableHandle& handle = ExecutableHandle::from(info, 0);
  const std::shared_ptr<Executable> executable = handle.get(env);
  const std::shared_ptr<Environment>& environment = Environment::of(env);
  const int64_t id = integerArgument(info, 1, "runAsync: the id", 0, int64_t{1} << 53);
  if (environment->runs.contains(id)) {
    throwType(env, message::join("runAsync: the id ", id, " is in use"));
  }
  auto run = std::make_unique<NodeRun>(environment, executable, id);
  run->scalars.rows = integerArgument(info, 3, "run: rows", 1, executable->program().rows);
  run->scalars.learningRate = numberArgument(info, 4, "run: learningRate");
  const napi_value inputs = arrayArgument(info, 2, "run: inputs", executable->inputs().size());
  throwIfRefused(env, executable->takeSlot(&run->slot));
  copyInputs(env, *executable, run->scalars.rows, inputs, *run->slot);

  napi_value promise = nullptr;
  NAPI_THROW_IF_FAILED(env, napi_create_promise(env, &run->deferred, &promise), env.Undefined());
  if (environment->runs.empty()) {
    napi_ref_threadsafe_function(env, environment->finished);  // keeps the event loop alive
  }
  environment->runs.emplace(id, run.get());
  NodeRun* started = run.release();  // from here on it belongs to settle()
  const Status status = executable->start(started);
  if (!status.ok()) {
    started->status = Status(status.code(), status.message());
    NodeRun::settle(env, nullptr, nullptr, started);
  }
  handle.account(env);
  return Napi::Value(env, promise);
}

// abort(id): no effect on a run that is over.
Napi::Value abort(const Napi::CallbackInfo& info) {
  Environment& environment = *Environment::of(info.Env());
  const auto found = environment.runs.find(integerArgument(info, 0, "abort: the id", 0, int64_t{1} << 53));
  if (found != environment.runs.end()) {
    found->second->executable().abort(found->second);
  }
  return info.Env().Undefined();
}

}  // namespace

void exportAsync(Napi::Env env, Napi::Object exports) {
  auto shared = std::make_shared<Environment>();
  NAPI_THROW_IF_FAILED_VOID(
      env, napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "striate run"), 0, 1, nullptr,
                                           nullptr, nullptr, NodeRun::settle, &shared->finished));
  NAPI_THROW_IF_FAILED_VOID(env, napi_unref_threadsafe_function(env, shared->finished));
  env.AddCleanupHook([shared] { shared->close(); });
  NAPI_THROW_IF_FAILED_VOID(
      env, napi_set_instance_data(
               env, new std::shared_ptr<Environment>(shared),
               [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Environment>*>(data); }, nullptr));
  exportFunction(env, exports, "runAsync", runAsync);
  exportFunction(env, exports, "abort", abort);
}

}  // namespace striate::binding
