// A pool of threads that spin for a moment before they sleep, and their scratch memory.
#include "threads.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace evolve {
namespace {

/**
 * How long a thread looks for work before it sleeps. To wake it takes longer than many kernels of a token compute, but
 * a thread that waits longer loses the system's favour: other programs then get the core when work comes.
 */
constexpr std::chrono::microseconds kSpin{50};

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

/** Waits for a moment, without sleep, for `done()`; says whether it came. */
template <class Done>
bool spin(Done&& done) {
  constexpr int kLooks = 16;
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooks; i++) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

/** Whether this thread is within a loop. */
thread_local bool isWithin = false;

struct Within {
  Within() { isWithin = true; }
  ~Within() { isWithin = false; }
};

/**
 * Threads that take the indices of one loop, the caller's too. Nobody waits for a thread that took none: on a shared
 * machine it may be long until it runs.
 *
 * The ticket holds the number of the loop and, below, how many of its indices nobody has begun. Who lowers it has
 * begun one. The number keeps a thread that was held up between its look and its claim out of a later loop.
 */
class Pool {
 public:
  explicit Pool(int threads) {
    try {
      for (int thread = 1; thread < threads; thread++) workers_.emplace_back([this, thread] { work(thread); });
    } catch (...) {
      stop();
      throw std::runtime_error("only " + std::to_string(size()) + " of " + std::to_string(threads) +
                               " threads could be started");
    }
  }

  ~Pool() { stop(); }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  void run(int64_t count, void (*body)(void*, int64_t, int), void* context) {
    if (count > static_cast<int64_t>(kRest)) throw std::length_error("a loop of too many indices");
    // Of the last loop all indices are done, so nobody reads these.
    body_.store(body, std::memory_order_relaxed);
    context_.store(context, std::memory_order_relaxed);
    count_.store(count, std::memory_order_relaxed);
    finished_.store(0, std::memory_order_relaxed);
    ticket_.store(++loop_ << kRestBits | static_cast<uint64_t>(count));
    wake(count - 1);
    take(0);
    const auto isDone = [&] { return finished_.load() == count; };
    if (!spin(isDone)) {
      std::unique_lock lock(mutex_);
      isCallerAsleep_ = true;
      done_.wait(lock, isDone);
      isCallerAsleep_ = false;
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  static constexpr int kRestBits = 32;
  static constexpr uint64_t kRest = (uint64_t{1} << kRestBits) - 1;

  bool isIdle() const { return (ticket_.load() & kRest) == 0; }

  void wake(int64_t most) {
    const int64_t asleep = sleepers_.load();
    if (asleep == 0) return;
    // Who is about to sleep holds the mutex from its last look on.
    { std::lock_guard lock(mutex_); }
    if (most >= asleep) return wake_.notify_all();
    for (int64_t i = 0; i < most; i++) wake_.notify_one();
  }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      isStopping_ = true;
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  /** Takes indices until there are none. */
  void take(int thread) {
    const Within within;
    for (uint64_t ticket = ticket_.load(); (ticket & kRest) > 0; ticket = ticket_.load()) {
      // Of a later loop, where this ticket is an old one; then it cannot be claimed.
      const auto body = body_.load(std::memory_order_relaxed);
      void* const context = context_.load(std::memory_order_relaxed);
      const int64_t index = count_.load(std::memory_order_relaxed) - static_cast<int64_t>(ticket & kRest);
      if (ticket_.compare_exchange_strong(ticket, ticket - 1)) call(body, context, index, thread);
    }
  }

  void call(void (*body)(void*, int64_t, int), void* context, int64_t index, int thread) {
    int64_t ended = 1;
    try {
      body(context, index, thread);
    } catch (...) {
      std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      // What nobody has begun is not begun any more.
      ended += static_cast<int64_t>(ticket_.fetch_and(~kRest) & kRest);
    }
    const int64_t count = count_.load(std::memory_order_relaxed);
    if (finished_.fetch_add(ended) + ended < count || !isCallerAsleep_) return;
    { std::lock_guard lock(mutex_); }
    done_.notify_one();
  }

  void work(int thread) {
    while (!isStopping_) {
      if (!spin([&] { return !isIdle() || isStopping_; })) {
        std::unique_lock lock(mutex_);
        sleepers_++;
        wake_.wait(lock, [&] { return !isIdle() || isStopping_; });
        sleepers_--;
      }
      take(thread);
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  /** On lines of their own: all threads write them. */
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<int64_t> finished_{0};
  alignas(64) std::atomic<int64_t> sleepers_{0};
  std::atomic<bool> isCallerAsleep_{false}, isStopping_{false};
  std::atomic<void (*)(void*, int64_t, int)> body_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<int64_t> count_{0};
  uint64_t loop_ = 0;
  /** What a body threw; the caller of run() hears of it. */
  std::exception_ptr failure_;
};

std::unique_ptr<Pool> pool;

struct Area {
  void* memory = nullptr;
  int64_t bytes = 0;
};

std::vector<Area> areas;
std::atomic<int64_t> held{0};

}  // namespace

void setThreads(int count) {
  if (pool && pool->size() == count) return;
  areas.resize(std::max<size_t>(areas.size(), static_cast<size_t>(count) * slot::count));
  // The old threads end before the new ones begin.
  pool = std::make_unique<Pool>(1);
  if (count > 1) pool = std::make_unique<Pool>(count);
}

int threadCount() { return pool ? pool->size() : 1; }

void parallelFor(int64_t count, int64_t work, void (*body)(void*, int64_t, int), void* context) {
  if (isWithin) throw std::logic_error("a parallel loop within another");
  if (count > 1 && work > kAlone && threadCount() > 1) return pool->run(count, body, context);
  const Within within;
  for (int64_t i = 0; i < count; i++) body(context, i, 0);
}

void* scratch(int thread, int slot, int64_t bytes) {
  // Whole huge pages: the packed operands are read by the megabyte, and misses of the page table would show.
  constexpr int64_t kPage = 2 << 20;
  Area& area = areas[static_cast<size_t>(thread) * slot::count + slot];
  if (area.bytes >= bytes) return area.memory;
  const int64_t unit = bytes >= kPage / 2 ? kPage : 4096;
  const int64_t size = (bytes + unit - 1) / unit * unit;
  std::free(area.memory);
  held -= area.bytes;
  area = {};
  area.memory = std::aligned_alloc(static_cast<size_t>(unit), static_cast<size_t>(size));
  if (!area.memory) throw OutOfMemory(size);
#if defined(MADV_HUGEPAGE)
  if (unit == kPage) madvise(area.memory, static_cast<size_t>(size), MADV_HUGEPAGE);
#endif
  area.bytes = size;
  held += size;
  return area.memory;
}

int64_t scratchBytes() { return held; }

}  // namespace evolve
