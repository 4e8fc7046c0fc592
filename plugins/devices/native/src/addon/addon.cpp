// The Node-API module: what JavaScript can call, and how C++ exceptions reach it. The functions lie in the headers
// beside this file, one subject each. They take typed arrays and write their results into typed arrays that the caller
// made. Each checks that every array is as long as its kernel needs. It does not check the values of offsets,
// prefixes and cached lengths: the callers in core/ make them.
#include <node_api.h>

#include <exception>
#include <new>
#include <string>

#include "../threads.hpp"
#include "arguments.hpp"
#include "attention.hpp"
#include "device.hpp"
#include "elements.hpp"
#include "loss.hpp"
#include "mapped-file.hpp"
#include "norms.hpp"
#include "products.hpp"
#include "rows.hpp"
#include "storage.hpp"

namespace {

using namespace evolve;

/** Calls `function`, and throws its C++ exceptions in JavaScript. */
template <napi_value (*function)(const Args&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return function(Args(env, info));
  } catch (const OutOfMemory& error) {
    napi_throw_error(env, "ERR_OUT_OF_MEMORY", (std::to_string(error.bytes >> 20) + " MiB").c_str());
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "ERR_OUT_OF_MEMORY", "some memory");
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

/** Makes `function` a property of the module. */
template <napi_value (*function)(const Args&)>
void setFunction(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<function>, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  // Threads, kernels and mappings belong to the process, so only one thread of Node.js can have them.
  static napi_env owner = env;
  if (env != owner) {
    napi_throw_error(env, nullptr, "it serves one thread of Node.js, and another has it");
    return nullptr;
  }
  setThreads(1);
#define EXPORT(function) setFunction<function>(env, exports, #function)
  // device.hpp
  EXPORT(isas);
  EXPORT(open);
  EXPORT(scratchMemory);
  // mapped-file.hpp
  EXPORT(mapFile);
  EXPORT(releasePages);
  // storage.hpp
  EXPORT(makeWeight);
  EXPORT(decode);
  EXPORT(quantizeInt8);
  EXPORT(quantizeNf4);
  EXPORT(quantizeDynamic);
  EXPORT(decodeBlocks);
  // products.hpp
  EXPORT(linear);
  EXPORT(linearInputGradient);
  EXPORT(branchGradient);
  EXPORT(product);
  // loss.hpp
  EXPORT(linearCrossEntropy);
  EXPORT(logProbabilities);
  EXPORT(logProbabilitiesGradient);
  // attention.hpp
  EXPORT(attention);
  EXPORT(attentionGradient);
  EXPORT(cachedAttention);
  // norms.hpp
  EXPORT(rmsNorm);
  EXPORT(rmsNormGradient);
  EXPORT(layerNorm);
  EXPORT(layerNormGradient);
  // rows.hpp
  EXPORT(embedding);
  EXPORT(rotary);
  EXPORT(copyColumns);
  EXPORT(addRow);
  EXPORT(columnSums);
  // elements.hpp
  EXPORT(swiglu);
  EXPORT(swigluGradient);
  EXPORT(gelu);
  EXPORT(geluGradient);
  EXPORT(dropout);
  EXPORT(add);
  EXPORT(scale);
  EXPORT(sumOfSquares);
  EXPORT(adamw);
#undef EXPORT
  return exports;
}
