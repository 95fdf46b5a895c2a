#include "base/detached_thread.h"

#include <cstddef>

#include "base/oldest_system.h"

#if defined(_WIN32)
#include <process.h>
#include <windows.h>
#else
#include <pthread.h>
#include <signal.h>
#endif

#if defined(__linux__)
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#endif

namespace striate {

namespace {

constexpr unsigned kStackBytes = 4u << 20;

struct Start {
  void (*body)(void*);
  void* argument;
};

void run(void* argument) {
  const Start start = *static_cast<Start*>(argument);
  delete static_cast<Start*>(argument);
  start.body(start.argument);
}

#if defined(_WIN32)

unsigned __stdcall enter(void* argument) {
  run(argument);
  return 0;
}

bool create(Start* start) {
  const uintptr_t thread =
      _beginthreadex(nullptr, kStackBytes, enter, start, STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (thread != 0) CloseHandle(reinterpret_cast<HANDLE>(thread));
  return thread != 0;
}

#else

void* enter(void* argument) {
  run(argument);
  return nullptr;
}

bool create(Start* start) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t everything;
  sigset_t before;
  sigfillset(&everything);
  pthread_sigmask(SIG_SETMASK, &everything, &before);
  pthread_t thread;
  const int failed = pthread_create(&thread, &attributes, enter, start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return failed == 0;
}

#endif

}  // namespace

bool startDetachedThread(void (*body)(void*), void* argument) {
  auto* start = new Start{body, argument};
  const bool created = create(start);
  if (!created) {
    delete start;
  }
  return created;
}

void beNicer(int steps) {
#if defined(__linux__)
  // Not nicer than the thread that started this one, which may be a worker itself. 0 is the calling thread; where the
  // system refuses, all that is lost is time.
  const int first = getpriority(PRIO_PROCESS, static_cast<id_t>(getpid()));
  setpriority(PRIO_PROCESS, 0, std::min(first + steps, 19));
#else
  static_cast<void>(steps);
#endif
}

}  // namespace striate
