// Reading what JavaScript passes, and answering with its errors. Nothing here trusts the caller: TypeScript's types end
// at the addon's edge.
#pragma once
#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/op.h"

namespace striate::binding {

// The text that StriateError.code carries.
const char* codeName(StatusCode code);

// A JavaScript Error with `code`; lib/backend/native turns it into a StriateError.
napi_value makeError(napi_env env, const Status& status);
void throwIfRefused(Napi::Env env, const Status& status);

[[noreturn]] void throwType(Napi::Env env, const std::string& sentence);

// An argument that must be an integer within bounds.
int64_t integerArgument(const Napi::CallbackInfo& info, size_t index, const char* name, int64_t least,
                        int64_t greatest);
double numberArgument(const Napi::CallbackInfo& info, size_t index, const char* name);

// The bytes behind a typed array; valid until JavaScript runs again.
struct ArrayView {
  napi_typedarray_type type;
  void* data;
  size_t length;  // elements
  napi_value buffer;
};
ArrayView arrayView(napi_env env, napi_value value, const char* name);
// With the exact type and length. `buffer` receives what the array is a view of; may be null.
void* arrayData(napi_env env, napi_value value, const char* name, Dtype dtype, int64_t length,
                napi_value* buffer = nullptr);

// An array of exactly `count` elements.
napi_value arrayArgument(const Napi::CallbackInfo& info, size_t index, const char* name, size_t count);
napi_value elementAt(napi_env env, napi_value array, uint32_t index);

}  // namespace striate::binding
