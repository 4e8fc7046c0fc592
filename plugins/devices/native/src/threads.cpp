// A pool of threads that spin before they sleep, and their scratch memory.
#include "threads.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
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
 * How often a thread looks for work before it sleeps: about 30 µs, then about 300 µs in which it lets others have its
 * core, the longest pause between two kernels of a token. To wake a thread takes longer than most of them compute.
 */
constexpr int kSpins = 600;
constexpr int kYields = 600;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

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
    if (workers_.empty() || count == 1) {
      for (int64_t i = 0; i < count; i++) body(context, i, 0);
      return;
    }
    body_ = body;
    context_ = context;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    {
      std::lock_guard lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    take(0);
    // Where other processes have the cores, a worker may be waiting for the very core that spins here.
    for (int spin = 0; busy_.load(std::memory_order_acquire) > 0; spin++)
      spin < kSpins ? pause() : std::this_thread::yield();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  void take(int thread) {
    try {
      for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) body_(context_, i, thread);
    } catch (...) {
      std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      next_.store(count_, std::memory_order_relaxed);
    }
  }

  void work(int thread) {
    for (uint64_t seen = 0;;) {
      for (int spin = 0; spin < kSpins + kYields && generation_.load(std::memory_order_acquire) == seen; spin++)
        spin < kSpins ? pause() : std::this_thread::yield();
      if (generation_.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
      }
      seen = generation_.load(std::memory_order_acquire);
      if (stopping_) return;
      take(thread);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> busy_{0};
  bool stopping_ = false;
  void (*body_)(void*, int64_t, int) = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;
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

void parallelFor(int64_t count, void (*body)(void*, int64_t, int), void* context) {
  if (count > 0) pool->run(count, body, context);
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
