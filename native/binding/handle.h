// JavaScript objects that own native memory. A type tag is checked before every unwrap, so passing a State where an
// Executable belongs is a TypeError, not a crash.
#pragma once
#include <napi.h>

#include <memory>
#include <utility>

#include "binding/arguments.h"

namespace striate::binding {

// What the Handles of this thread, that is, of this environment, told V8 of. process.memoryUsage() does not show it.
inline thread_local int64_t heldBytes = 0;

// T: the shared native object; Tag::value its napi_type_tag, Tag::name what to call it in errors. The object lives
// until dispose() or the garbage collector, and in either case until the runs under way are over.
template <typename T, typename Tag>
class Handle {
 public:
  static Napi::Object create(Napi::Env env, std::shared_ptr<T> object) {
    auto handle = std::make_unique<Handle>(std::move(object));
    const Napi::Object value = Napi::Object::New(env);
    NAPI_THROW_IF_FAILED(env, napi_type_tag_object(env, value, &Tag::value), Napi::Object());
    NAPI_THROW_IF_FAILED(env, napi_wrap(env, value, handle.get(), finalize, nullptr, nullptr), Napi::Object());
    handle.release()->account(env);
    return value;
  }

  static Handle& from(const Napi::CallbackInfo& info, size_t index) {
    bool tagged = false;
    void* handle = nullptr;
    if (!info[index].IsObject() ||
        napi_check_object_type_tag(info.Env(), info[index], &Tag::value, &tagged) != napi_ok || !tagged ||
        napi_unwrap(info.Env(), info[index], &handle) != napi_ok) {
      throwType(info.Env(), message::join("argument ", index, " must be ", Tag::name));
    }
    return *static_cast<Handle*>(handle);
  }

  explicit Handle(std::shared_ptr<T> object) : object_(std::move(object)) {}

  // Throws after dispose().
  const std::shared_ptr<T>& get(Napi::Env env) const {
    if (object_ == nullptr) {
      throwIfRefused(env, Status(StatusCode::disposed, Tag::disposed));
    }
    return object_;
  }

  bool disposed() const { return object_ == nullptr; }

  void dispose(napi_env env) {
    object_ = nullptr;
    account(env);
  }

  // Tells the garbage collector how much memory hangs on this object: without it, it would see a few dozen bytes.
  void account(napi_env env) {
    const int64_t bytes = object_ == nullptr ? 0 : static_cast<int64_t>(object_->bytes());
    if (bytes != accounted_) {
      int64_t total = 0;
      napi_adjust_external_memory(env, bytes - accounted_, &total);
      heldBytes += bytes - accounted_;
      accounted_ = bytes;
    }
  }

 private:
  static void finalize(napi_env env, void* data, void*) {
    const std::unique_ptr<Handle> handle(static_cast<Handle*>(data));
    handle->dispose(env);
  }

  std::shared_ptr<T> object_;
  int64_t accounted_ = 0;
};

}  // namespace striate::binding
