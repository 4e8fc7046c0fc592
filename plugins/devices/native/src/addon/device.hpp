// The device itself: its instruction set, its threads and their memory.
#pragma once

#include <stdexcept>
#include <string>

#include "../kernels.hpp"
#include "../threads.hpp"
#include "arguments.hpp"

namespace evolve {

/** The kernels of the instruction set that `open` took. All other calls use them. */
inline const Kernels* kernels = &kernelsPlain;

/** () -> names of the instruction sets that this CPU can run */
inline napi_value isas(const Args& args) {
  const Kernels* list[kMostIsas];
  const int count = supportedIsas(list);
  napi_value result;
  napi_create_array(args.env, &result);
  for (int i = 0; i < count; i++) napi_set_element(args.env, result, i, toValue(args.env, list[i]->name));
  return result;
}

/** (isa or null, threads) -> the name of the instruction set taken */
inline napi_value open(const Args& args) {
  const Kernels* list[kMostIsas];
  const int count = supportedIsas(list);
  if (args.isNull(0)) {
    kernels = &preferredIsa();
  } else {
    const std::string wanted = args.text(0);
    const Kernels* found = nullptr;
    for (int i = 0; i < count; i++)
      if (wanted == list[i]->name) found = list[i];
    if (!found) throw std::invalid_argument("this CPU cannot run " + wanted);
    kernels = found;
  }
  kernels->forget();
  setThreads(static_cast<int>(args.integer(1)));
  return toValue(args.env, kernels->name);
}

/** () -> bytes that the kernels hold for their own use */
inline napi_value scratchMemory(const Args& args) { return toValue(args.env, static_cast<double>(scratchBytes())); }

}  // namespace evolve
