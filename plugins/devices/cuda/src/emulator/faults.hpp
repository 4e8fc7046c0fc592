// Faults that the emulated libraries answer, by EVOLVE_EMULATED_FAULTS=cuLaunchKernel:3:719,cuInit:1:100: the third launch answers
// 719, the first cuInit 100. Call 0 is each call.
#pragma once
#include <cstdlib>
#include <map>
#include <string>

namespace emulator {

// The value of an environment variable, or `fallback` where it is not set or empty.
inline const char* setting(const char* name, const char* fallback) {
  const char* value = getenv(name);
  return value && *value ? value : fallback;
}

// What this call of the function `name` answers, or 0.
inline int injectedFault(const char* name) {
  static std::map<std::string, int> calls;
  const int call = ++calls[name];
  const std::string faults = std::string(",") + setting("EVOLVE_EMULATED_FAULTS", "");
  for (const int number : {0, call}) {
    const std::string wanted = std::string(",") + name + ":" + std::to_string(number) + ":";
    const size_t at = faults.find(wanted);
    if (at != std::string::npos) return atoi(faults.c_str() + at + wanted.size());
  }
  return 0;
}

}  // namespace emulator
