// What threads.hpp promises, as threads.test.ts asks for it by name; 0 where it is kept.
#include "threads.hpp"

#include <csignal>
#include <cstdio>
#include <ctime>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include <pthread.h>

using evolve::parallelFor;

namespace {

constexpr int64_t kMuch = evolve::kAlone + 1;

void sleepMilliseconds(long count) {
  const timespec time{count / 1000, count % 1000 * 1000000};
  nanosleep(&time, nullptr);
}

bool eachOnce() {
  for (const int threads : {1, 2, 3, 8}) {
    evolve::setThreads(threads);
    for (int loop = 0; loop < 5000; loop++) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(loop % 40));
      std::atomic<bool> isThread{true};
      parallelFor(static_cast<int64_t>(calls.size()), kMuch, [&](int64_t index, int thread) {
        calls[static_cast<size_t>(index)]++;
        if (thread < 0 || thread >= threads) isThread = false;
      });
      for (const auto& count : calls)
        if (count != 1) return false;
      if (!isThread) return false;
      // Now and then the threads fall asleep.
      if (loop % 500 == 0) sleepMilliseconds(1);
    }
  }
  return true;
}

bool littleAlone() {
  evolve::setThreads(4);
  const auto caller = std::this_thread::get_id();
  bool isCaller = true;
  for (int loop = 0; loop < 100; loop++)
    parallelFor(1000, evolve::kAlone, [&](int64_t, int) { isCaller = isCaller && std::this_thread::get_id() == caller; });
  return isCaller;
}

bool throws() {
  evolve::setThreads(3);
  for (int loop = 0; loop < 1000; loop++) {
    std::atomic<int> calls{0};
    try {
      parallelFor(100000, kMuch, [&](int64_t index, int) {
        calls++;
        if (index == 5) throw std::runtime_error("five");
      });
      return false;
    } catch (const std::runtime_error& error) {
      if (std::strcmp(error.what(), "five") != 0 || calls > 100000) return false;
    }
    calls = 0;
    parallelFor(10, kMuch, [&](int64_t, int) { calls++; });
    if (calls != 10) return false;
  }
  return true;
}

bool refusesNesting() {
  for (const int threads : {1, 3}) {
    evolve::setThreads(threads);
    for (const int64_t work : {int64_t{1}, kMuch}) {
      try {
        parallelFor(4, work, [&](int64_t, int) { parallelFor(4, work, [](int64_t, int) {}); });
        return false;
      } catch (const std::logic_error&) {
      }
    }
  }
  return true;
}

std::atomic<bool> isHeld{false}, isReleased{false};

/** As if other programs had the core of a thread. */
void hold(int) {
  isHeld = true;
  while (!isReleased) sleepMilliseconds(1);
}

/** Two threads, of which one is held up as long as this lives; once in a process. */
struct OneHeldUp {
  OneHeldUp() {
    evolve::setThreads(2);
    std::atomic<bool> isKnown{false};
    pthread_t worker{};
    parallelFor(2, kMuch, [&](int64_t, int thread) {
      if (thread == 1) {
        worker = pthread_self();
        isKnown = true;
      }
      while (!isKnown) sleepMilliseconds(1);
    });
    sleepMilliseconds(20);
    std::signal(SIGUSR1, hold);
    pthread_kill(worker, SIGUSR1);
    while (!isHeld) sleepMilliseconds(1);
  }

  ~OneHeldUp() { isReleased = true; }
};

bool waitsForNoneThatIsHeldUp() {
  const OneHeldUp held;
  std::atomic<int> calls{0};
  for (int loop = 0; loop < 100; loop++) parallelFor(10, kMuch, [&](int64_t, int) { calls++; });
  return calls == 1000;
}

/** Here the caller takes all indices in their order, so the count is exact. */
bool beginsNoneAfterAThrow() {
  const OneHeldUp held;
  int calls = 0;
  try {
    parallelFor(1000, kMuch, [&](int64_t index, int) {
      calls++;
      if (index == 5) throw std::runtime_error("five");
    });
  } catch (const std::runtime_error&) {
  }
  return calls == 6;
}

}  // namespace

int main(int, char** names) {
  const struct {
    const char* name;
    bool (*holds)();
  } promises[] = {{"each index once", eachOnce},
                  {"little work alone", littleAlone},
                  {"what a body throws", throws},
                  {"none begun after a throw", beginsNoneAfterAThrow},
                  {"no loop within a loop", refusesNesting},
                  {"no wait for who is held up", waitsForNoneThatIsHeldUp}};
  for (const auto& [name, holds] : promises)
    if (std::strcmp(name, names[1]) == 0) return holds() ? 0 : 1;
  std::fprintf(stderr, "no promise \"%s\"\n", names[1]);
  return 2;
}
