// Divides one area of memory into arrays. A task lays its arrays out twice: first without memory, which counts the
// bytes it needs, then in scratch memory of that size.
#pragma once
#include <cstdint>

namespace evolve {
namespace {

/** One area of memory; `take` gives its next piece, aligned to 64 bytes, or null while there is no memory yet. */
struct Arena {
  char* memory = nullptr;
  int64_t used = 0;

  template <class T>
  T* take(int64_t count) {
    T* piece = memory ? reinterpret_cast<T*>(memory + used) : nullptr;
    used += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return piece;
  }
};

}  // namespace
}  // namespace evolve
