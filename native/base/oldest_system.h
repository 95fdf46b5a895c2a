// What keeps a release that was linked on a new Linux loadable on an old one. Promised are glibc 2.28 and the C++
// library of gcc 8 (GLIBCXX_3.4.25), which Node.js 20 asks for itself; `npm run check:package` reads the symbols of the
// addon and names those that are newer. Included where one of them is called.
#pragma once
#include <condition_variable>
#include <mutex>

// Only binding.gyp says so: a static link has no versions, and sanitizers take calls over by name.
#if defined(STRIATE_OLDEST_SYSTEM) && defined(__GLIBC__)
#if defined(__x86_64__)
#define STRIATE_FIRST_VERSION(name) asm(".symver " #name "," #name "@GLIBC_2.2.5")
#elif defined(__aarch64__)
#define STRIATE_FIRST_VERSION(name) asm(".symver " #name "," #name "@GLIBC_2.17")
#endif
// Moved into libc in 2.32 and 2.34, from libraries that Node.js links as well.
STRIATE_FIRST_VERSION(dladdr);
STRIATE_FIRST_VERSION(dlopen);
STRIATE_FIRST_VERSION(pthread_attr_setstacksize);
STRIATE_FIRST_VERSION(pthread_create);
STRIATE_FIRST_VERSION(pthread_sigmask);
// Rid of a wrapper that sets errno in 2.29.
STRIATE_FIRST_VERSION(log);
STRIATE_FIRST_VERSION(pow);
#undef STRIATE_FIRST_VERSION
#endif

namespace striate {

// condition.wait(lock), which gcc 12 made a function of another version (GLIBCXX_3.4.30).
inline void await(std::condition_variable& condition, std::unique_lock<std::mutex>& lock) {
#if defined(__GLIBCXX__) && !defined(_WIN32)
  pthread_cond_wait(condition.native_handle(), lock.mutex()->native_handle());
#else
  condition.wait(lock);
#endif
}

template <typename Ready>
void await(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, const Ready& ready) {
  while (!ready()) {
    await(condition, lock);
  }
}

}  // namespace striate
