#include "program/state.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace striate {
namespace {

std::shared_ptr<State> makeState(const std::vector<int64_t>& sizes) {
  std::shared_ptr<State> state;
  REQUIRE(State::create(sizes, 1 << 24, &state).ok());
  return state;
}

TEST_CASE("state: starts as zeros in aligned memory, small and huge") {
  const auto state = makeState({3, 1 << 20});
  for (size_t i = 0; i < 2; ++i) {
    CHECK(reinterpret_cast<uintptr_t>(state->tensor(i)) % kAlignment == 0);
    const float* tensor = state->tensor(i);
    CHECK(std::all_of(tensor, tensor + state->sizes()[i], [](float element) { return element == 0; }));
  }
  CHECK(state->bytes() == (3 + (1 << 20)) * sizeof(float));
}

TEST_CASE("state: refuses sizes beyond the limit before it allocates") {
  std::shared_ptr<State> state;
  CHECK(State::create({1, INT64_MAX / 2}, 1 << 20, &state).code() == StatusCode::memory);
  CHECK(State::create({1 << 18, 1}, 1 << 20, &state).message() ==
        "state: tensor 1 of 1 elements exceeds the limit of 1048576 bytes");
  CHECK(State::create({0}, 1 << 20, &state).code() == StatusCode::memory);
  CHECK(state == nullptr);
}

TEST_CASE("state: tensors written together are read together") {
  const auto state = makeState({64, 64});
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int w = 0; w < 2; ++w) {
    threads.emplace_back([&, w] {
      for (float value = static_cast<float>(w); !stop; value += 2) {
        std::vector<float> a(64, value);
        std::vector<float> b(64, value);
        torn += !state->write({{0, a.data()}, {1, b.data()}}).ok();
      }
    });
  }
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&] {
      uint64_t version = 0;
      while (!stop) {
        std::vector<float> a(64);
        std::vector<float> b(64);
        torn += !state->read({{0, a.data()}, {1, b.data()}}).ok();
        for (size_t i = 0; i < 64; ++i) {
          torn += a[i] != a[0] || b[i] != a[0];
        }
        torn += state->version() < version;
        version = state->version();
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  stop = true;
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(torn == 0);
  CHECK(state->version() > 1);
}

TEST_CASE("state: readers enter while an update computes, and wait for the exclusive part") {
  StateLock lock;
  lock.lockUpdate();
  lock.lockShared();  // would hang if update kept readers out
  std::atomic<int> stage{0};
  std::thread writer([&] {
    stage = 1;
    lock.lockExclusive();
    stage = 2;
    lock.unlockExclusive();
    lock.unlockUpdate();
    stage = 3;
  });
  while (stage < 1) {
    std::this_thread::yield();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(stage == 1);
  std::atomic<bool> entered{false};
  std::thread late([&] {
    lock.lockShared();  // the writer waits, so this one comes after it
    entered = true;
    lock.unlockShared();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK_FALSE(entered);
  lock.unlockShared();
  writer.join();
  late.join();
  CHECK(stage == 3);
  CHECK(entered);
}

TEST_CASE("state: a stream of readers does not starve a writer") {
  StateLock lock;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        lock.lockShared();
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        lock.unlockShared();
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    lock.lockUpdate();
    lock.lockExclusive();
    lock.unlockExclusive();
    lock.unlockUpdate();
  }
  stop = true;
  for (auto& reader : readers) {
    reader.join();
  }
}

}  // namespace
}  // namespace striate
