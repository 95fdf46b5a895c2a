#include "base/detached_thread.h"

#include <cstddef>

#if defined(_WIN32)
#include <system_error>
#include <thread>
#else
#include <pthread.h>
#include <signal.h>
#endif

namespace striate {

#if defined(_WIN32)

bool startDetachedThread(void (*body)(void*), void* argument) {
  try {
    std::thread([body, argument] { body(argument); }).detach();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

#else

namespace {

struct Start {
  void (*body)(void*);
  void* argument;
};

void* enter(void* argument) {
  const Start start = *static_cast<Start*>(argument);
  delete static_cast<Start*>(argument);
  start.body(start.argument);
  return nullptr;
}

}  // namespace

bool startDetachedThread(void (*body)(void*), void* argument) {
  auto* start = new Start{body, argument};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, size_t{4} << 20);
  sigset_t everything;
  sigset_t before;
  sigfillset(&everything);
  pthread_sigmask(SIG_SETMASK, &everything, &before);
  pthread_t thread;
  const int failed = pthread_create(&thread, &attributes, enter, start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (failed != 0) {
    delete start;
  }
  return failed == 0;
}

#endif

}  // namespace striate
