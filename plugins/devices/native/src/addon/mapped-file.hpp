// Files mapped into memory: weights are read from where they lie, by the page, when they are used.
#pragma once

#include <fcntl.h>
#include <node_api.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "arguments.hpp"

namespace evolve {

struct Mapping {
  char* memory;
  size_t size;
};

/** All that mapFile gave out and nobody has freed. */
inline std::vector<Mapping*> mappings;

/** What the system does when a mapped file was cut short and its bytes are read: there is no way on, but a reason. */
inline void endForLostBytes(int, siginfo_t* info, void*) {
  const auto* at = static_cast<char*>(info->si_addr);
  bool isMapped = false;
  for (const Mapping* mapping : mappings)
    isMapped = isMapped || (at >= mapping->memory && at < mapping->memory + mapping->size);
  if (!isMapped) {
    signal(SIGBUS, SIG_DFL);
    return;
  }
  const char text[] =
      "evolve: a weights file was cut short, or can no longer be read, while it was in use\n"
      "Write or copy weights under another name, and rename them when they are whole.\n";
  // Whether it arrives makes no difference.
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
  _exit(1);
}

inline void catchLostBytes() {
  struct sigaction action {};
  action.sa_sigaction = endForLostBytes;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

/** (path, start, length) -> an ArrayBuffer over that part of the file; what is written to it stays in memory. */
inline napi_value mapFile(const Args& args) {
  const std::string path = args.text(0);
  const int64_t start = args.integer(1);
  const int64_t length = args.integer(2);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto fail = [&] { throw std::runtime_error(path + ": " + std::strerror(errno)); };
  if (file < 0) fail();
  struct stat status;
  if (fstat(file, &status) != 0 || start < 0 || length <= 0 || start + length > status.st_size) {
    close(file);
    throw std::runtime_error(path + ": the file is shorter than what is to be mapped");
  }
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t first = start / page * page;
  const auto size = static_cast<size_t>(length + start - first);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, first);
  close(file);
  if (memory == MAP_FAILED) fail();

  auto* mapping = new Mapping{static_cast<char*>(memory), size};
  if (mappings.empty()) catchLostBytes();
  mappings.push_back(mapping);
  const auto release = [](napi_env, void*, void* hint) {
    auto* mapping = static_cast<Mapping*>(hint);
    std::erase(mappings, mapping);
    munmap(mapping->memory, mapping->size);
    delete mapping;
  };
  napi_value result;
  if (napi_create_external_arraybuffer(args.env, static_cast<char*>(memory) + (start - first),
                                       static_cast<size_t>(length), release, mapping, &result) != napi_ok) {
    release(args.env, nullptr, mapping);
    throw std::runtime_error("this Node.js takes no mapped memory");
  }
  return result;
}

/** (bytes): of what mapFile gave, what was read need not stay in memory; other bytes are left alone. */
inline napi_value releasePages(const Args& args) {
  const auto* bytes = reinterpret_cast<char*>(args.bytes(0, 0));
  for (const Mapping* mapping : mappings)
    if (bytes >= mapping->memory && bytes < mapping->memory + mapping->size)
      madvise(mapping->memory, mapping->size, MADV_DONTNEED);
  return nullptr;
}

}  // namespace evolve
