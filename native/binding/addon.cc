// The module. This folder is the only place that knows Node-API; the rest of native/ is plain C++.
#include <mutex>

#include "base/oldest_system.h"
#include "binding/functions.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#else
#include <windows.h>
#endif

namespace striate::binding {

namespace {

// When the worker_thread that loaded the addon ends, Node unloads the library; the threads of our pool would find their
// code gone. So the library pins itself.
void stayLoaded() {
#if !defined(_WIN32)
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&stayLoaded), &self) != 0) {
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
#else
  HMODULE self;
  GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCSTR>(&stayLoaded), &self);
#endif
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  stayLoaded();
  exportProcess(env, exports);
  exportState(env, exports);
  exportExecutable(env, exports);
  exportAsync(env, exports);
  return exports;
}

NODE_API_MODULE(striate, init)

}  // namespace

}  // namespace striate::binding
