#include "binding/arguments.h"

#include <cmath>

namespace striate::binding {

const char* codeName(StatusCode code) {
  switch (code) {
    case StatusCode::ok:
      return "";
    case StatusCode::program:
      return "ERR_STRIATE_PROGRAM";
    case StatusCode::argument:
      return "ERR_STRIATE_ARGUMENT";
    case StatusCode::data:
      return "ERR_STRIATE_DATA";
    case StatusCode::aborted:
      return "ERR_STRIATE_ABORTED";
    case StatusCode::disposed:
      return "ERR_STRIATE_DISPOSED";
    case StatusCode::memory:
      return "ERR_STRIATE_MEMORY";
    case StatusCode::busy:
      return "ERR_STRIATE_BUSY";
  }
  return "ERR_STRIATE_INTERNAL";
}

napi_value makeError(napi_env env, const Status& status) {
  napi_value code = nullptr;
  napi_value text = nullptr;
  napi_value error = nullptr;
  napi_create_string_utf8(env, codeName(status.code()), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, status.message().data(), status.message().size(), &text);
  napi_create_error(env, code, text, &error);
  return error;
}

void throwIfRefused(Napi::Env env, const Status& status) {
  if (!status.ok()) {
    throw Napi::Error(env, makeError(env, status));
  }
}

void throwType(Napi::Env env, const std::string& sentence) { throw Napi::TypeError::New(env, sentence); }

static std::string shownValue(Napi::Value value) { return value.ToString().Utf8Value(); }

double numberArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  double value = 0;
  if (napi_get_value_double(info.Env(), info[index], &value) != napi_ok) {
    throwType(info.Env(), message::join(name, " must be a number, got ", shownValue(info[index])));
  }
  return value;
}

int64_t integerArgument(const Napi::CallbackInfo& info, size_t index, const char* name, int64_t least,
                        int64_t greatest) {
  const double value = numberArgument(info, index, name);
  if (!(value >= static_cast<double>(least) && value <= static_cast<double>(greatest)) || value != std::floor(value)) {
    throwType(info.Env(), message::join(name, " must be an integer from ", least, " to ", greatest, ", got ", value));
  }
  return static_cast<int64_t>(value);
}

ArrayView arrayView(napi_env env, napi_value value, const char* name) {
  ArrayView view{};
  // Asked first: on anything else napi_get_typedarray_info fails in ways that differ between versions of Node.
  bool typed = false;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed ||
      napi_get_typedarray_info(env, value, &view.type, &view.length, &view.data, &view.buffer, nullptr) != napi_ok) {
    throwType(env, message::join(name, " must be a typed array, got ", shownValue(Napi::Value(env, value))));
  }
  return view;
}

void* arrayData(napi_env env, napi_value value, const char* name, Dtype dtype, int64_t length, napi_value* buffer) {
  const ArrayView view = arrayView(env, value, name);
  static constexpr const char* kArrays[] = {"Float32Array", "Int32Array", "Uint8Array"};
  const bool fits = dtype == Dtype::f32   ? view.type == napi_float32_array
                    : dtype == Dtype::i32 ? view.type == napi_int32_array
                                          : view.type == napi_uint8_array || view.type == napi_uint8_clamped_array;
  if (!fits) {
    throwType(env, message::join(name, " must be a ", kArrays[static_cast<int>(dtype)]));
  }
  // A detached buffer has length 0.
  if (view.length != static_cast<uint64_t>(length)) {
    throwType(env, message::join(name, " must have ", length, " elements, got ", view.length));
  }
  if (buffer != nullptr) {
    *buffer = view.buffer;
  }
  return view.data;
}

napi_value arrayArgument(const Napi::CallbackInfo& info, size_t index, const char* name, size_t count) {
  const napi_value value = info[index];
  bool isArray = false;
  uint32_t length = 0;
  if (napi_is_array(info.Env(), value, &isArray) != napi_ok || !isArray ||
      napi_get_array_length(info.Env(), value, &length) != napi_ok) {
    throwType(info.Env(), message::join(name, " must be an array, got ", shownValue(info[index])));
  }
  if (length != count) {
    throwType(info.Env(), message::join(name, " must have ", count, " elements, got ", length));
  }
  return value;
}

napi_value elementAt(napi_env env, napi_value array, uint32_t index) {
  napi_value element = nullptr;
  if (napi_get_element(env, array, index, &element) != napi_ok) {
    throw Napi::Error::New(env);  // a getter or proxy threw
  }
  return element;
}

}  // namespace striate::binding
