// The pool has so many threads as long as this lives; then as many as before, for other tests share it.
#pragma once
#include <doctest/doctest.h>

#include "base/pool.h"

namespace striate::test {

struct WithThreads {
  explicit WithThreads(int threads) { REQUIRE(ThreadPool::instance().setThreads(threads).ok()); }
  ~WithThreads() { (void)ThreadPool::instance().setThreads(before).ok(); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;
  const int before = ThreadPool::instance().threads();
};

}  // namespace striate::test
