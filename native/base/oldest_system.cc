#include "base/oldest_system.h"

#include <cstddef>

#if defined(STRIATE_OLDEST_SYSTEM) && defined(__GLIBCXX__)
#include <new>

// Functions and flags that the headers of gcc 12 use and older systems lack. Each binary has its own: nothing of a
// static library is exported.

namespace std {
void __throw_bad_array_new_length() { __throw_bad_alloc(); }  // GLIBCXX_3.4.29
}  // namespace std

#if defined(__GLIBC__)
extern "C" {
extern char __libc_single_threaded;  // 2.32. Reference counts are atomic from the first: Node.js has threads always.
char __libc_single_threaded = 0;
}
#endif
#endif
