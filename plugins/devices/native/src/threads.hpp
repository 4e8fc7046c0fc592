// The device's threads: one loop at a time, its indices handed out one by one.
#pragma once
#include <cstdint>
#include <new>

namespace evolve {

/**
 * Sets how many threads work, the caller's included; at least 1.
 *
 * @throws std::runtime_error where so many cannot be started; the caller's is then the only one
 */
void setThreads(int count);
int threadCount();

/** Multiplications that are done, about, before another thread has begun. */
constexpr int64_t kAlone = 65536;

/** How many multiplications take as long as reading a number, doing little to it and writing it, about. */
constexpr int64_t kTouch = 4;

/**
 * Calls body(context, index, thread) for every index below `count`, each once; returns when all are done. Where all the
 * `work`, in multiplications or what takes as long, is little, the caller's thread does it alone, else all threads.
 * Which thread takes which index depends on timing: results must not.
 *
 * @throws std::logic_error where it is called from within a body
 */
void parallelFor(int64_t count, int64_t work, void (*body)(void* context, int64_t index, int thread), void* context);

/** The same for a lambda `void(int64_t index, int thread)`. */
template <class Body>
void parallelFor(int64_t count, int64_t work, const Body& body) {
  const auto call = [](void* context, int64_t index, int thread) {
    (*static_cast<const Body*>(context))(index, thread);
  };
  parallelFor(count, work, call, const_cast<void*>(static_cast<const void*>(&body)));
}

/** So many bytes could not be had. */
struct OutOfMemory : std::bad_alloc {
  int64_t bytes;

  explicit OutOfMemory(int64_t bytes) : bytes(bytes) {}
};

/**
 * Memory that a thread needs for the moment, at least `bytes`, aligned to 64. One area a thread and slot, kept and
 * reused: what was in it is lost with the next call for the same slot.
 *
 * @throws OutOfMemory
 */
void* scratch(int thread, int slot, int64_t bytes);

/** What all areas together hold, in bytes. */
int64_t scratchBytes();

/** Who needs scratch memory; slots below `perThread` are used within loops, the others by the caller alone. */
namespace slot {
enum : int { weights, rank, queries, keys, values, scores, products, keyGradient, valueGradient, dots, rows, codes, perThread,
  left = perThread, shared, scales, sums, partials, branch, factors, outliers, logits, losses, gradient, count };
}

}  // namespace evolve
