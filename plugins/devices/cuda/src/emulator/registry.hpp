// The kernels that are compiled into the emulated driver, by name, and the copies to shared memory that a thread has begun.
#pragma once
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace emulator {

// A kernel that takes its arguments as cuLaunchKernel does: pointers to the values.
using Kernel = std::function<void(void** arguments)>;

inline std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel> table;
  return table;
}

struct Registered {
  template <class... A>
  Registered(const char* name, void (*kernel)(A...)) {
    kernels()[name] = [kernel](void** arguments) { call(kernel, arguments, std::index_sequence_for<A...>{}); };
  }

 private:
  template <class... A, size_t... I>
  static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<A*>(arguments[I])...);
  }
};

// Of one thread: groups of copies that were committed, oldest first, and the group that is not committed yet.
class LaterCopies {
 public:
  void add(void* target, const void* source) { open_.push_back({target, source}); }
  void commit() {
    groups_.push_back(std::move(open_));
    open_.clear();
  }
  void wait(int pending) {
    while (int(groups_.size()) > pending) {
      for (const auto& [target, source] : groups_.front()) memcpy(target, source, 16);
      groups_.pop_front();
    }
  }
  void clear() {
    groups_.clear();
    open_.clear();
  }

 private:
  using Group = std::vector<std::pair<void*, const void*>>;
  std::deque<Group> groups_;
  Group open_;
};

// Those of the running fiber.
LaterCopies& laterCopies();

}  // namespace emulator
