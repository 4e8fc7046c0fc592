// The CUDA driver API for Node.js. It needs no CUDA header and no toolkit: libcuda.so.1 is opened when the device is. All work
// goes to one stream, in order. Pointers on the device are numbers: a double holds their 48 bits.
#include "arguments.hpp"
#include "cublaslt.hpp"
#include "driver.hpp"

#include <dlfcn.h>
#include <node_api.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int kMultiprocessors = 16, kMajor = 75, kMinor = 76;
constexpr size_t kMostArguments = 32;

// Uploads go through buffers that the card reads by itself, in turns: a buffer is waited for only when its turn comes again, so
// that the small arrays of a batch never wait for the kernels before them.
struct Staging {
  static constexpr size_t kBytes = 1 << 20, kCount = 32;
  void* memory = nullptr;
  Handle copied = nullptr;
  bool isBusy = false;
} stagings[Staging::kCount];
size_t nextStaging = 0;

// open(library) opens the driver. It returns { version, count }.
napi_value open(const Arguments& arguments) {
  const std::string library = arguments.text(0);
  void* driver = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!driver) throw std::runtime_error(dlerror());
#define LOAD(name, parameters)                                             \
  name = reinterpret_cast<Result(*) parameters>(dlsym(driver, #name)); \
  if (!name) throw std::runtime_error("it has no function " #name);
  DRIVER(LOAD)
  CALL(cuInit, 0);
  int version, count;
  CALL(cuDriverGetVersion, &version);
  CALL(cuDeviceGetCount, &count);
  napi_value result;
  napi_create_object(arguments.env, &result);
  napi_set_named_property(arguments.env, result, "version", numberOf(arguments.env, version));
  napi_set_named_property(arguments.env, result, "count", numberOf(arguments.env, count));
  return result;
}

// describe(index): { name, capability, multiprocessors } of a card.
napi_value describe(const Arguments& arguments) {
  int device, major, minor, multiprocessors;
  char name[256];
  CALL(cuDeviceGet, &device, int(arguments.number(0)));
  CALL(cuDeviceGetName, name, int(sizeof name), device);
  CALL(cuDeviceGetAttribute, &major, kMajor, device);
  CALL(cuDeviceGetAttribute, &minor, kMinor, device);
  CALL(cuDeviceGetAttribute, &multiprocessors, kMultiprocessors, device);
  napi_value result;
  napi_create_object(arguments.env, &result);
  napi_set_named_property(arguments.env, result, "name", textOf(arguments.env, name));
  napi_set_named_property(arguments.env, result, "capability", numberOf(arguments.env, 10 * major + minor));
  napi_set_named_property(arguments.env, result, "multiprocessors", numberOf(arguments.env, multiprocessors));
  return result;
}

// use(index): all that follows is done on this card.
napi_value use(const Arguments& arguments) {
  int device;
  Handle context;
  CALL(cuDeviceGet, &device, int(arguments.number(0)));
  CALL(cuDevicePrimaryCtxRetain, &context, device);
  CALL(cuCtxSetCurrent, context);
  return nullptr;
}

// memory(): { free, total }, in bytes.
napi_value memory(const Arguments& arguments) {
  size_t free, total;
  CALL(cuMemGetInfo_v2, &free, &total);
  napi_value result;
  napi_create_object(arguments.env, &result);
  napi_set_named_property(arguments.env, result, "free", numberOf(arguments.env, double(free)));
  napi_set_named_property(arguments.env, result, "total", numberOf(arguments.env, double(total)));
  return result;
}

// allocate(bytes): a pointer, or 0 where the card has no such memory left.
napi_value allocate(const Arguments& arguments) {
  constexpr Result kOutOfMemory = 2;
  Pointer pointer;
  const Result result = cuMemAlloc_v2(&pointer, size_t(arguments.number(0)));
  if (result == kOutOfMemory) return numberOf(arguments.env, 0.);
  check(result, "cuMemAlloc_v2");
  return numberOf(arguments.env, double(pointer));
}

// release(pointer)
napi_value release(const Arguments& arguments) {
  CALL(cuMemFree_v2, arguments.pointer(0));
  return nullptr;
}

// upload(pointer, array): the array may be changed once this returns.
napi_value upload(const Arguments& arguments) {
  Pointer target = arguments.pointer(0);
  auto [source, left] = arguments.bytes(1);
  while (left > 0) {
    Staging& staging = stagings[nextStaging];
    nextStaging = (nextStaging + 1) % Staging::kCount;
    if (!staging.memory) {
      CALL(cuMemHostAlloc, &staging.memory, Staging::kBytes, 0);
      constexpr unsigned kWithoutTiming = 2;
      CALL(cuEventCreate, &staging.copied, kWithoutTiming);
    }
    if (staging.isBusy) CALL(cuEventSynchronize, staging.copied);
    const size_t bytes = left < Staging::kBytes ? left : Staging::kBytes;
    memcpy(staging.memory, source, bytes);
    CALL(cuMemcpyHtoDAsync_v2, target, staging.memory, bytes, nullptr);
    CALL(cuEventRecord, staging.copied, nullptr);
    staging.isBusy = true;
    target += bytes;
    source += bytes;
    left -= bytes;
  }
  return nullptr;
}

// download(array, pointer) waits for all that was asked for before.
napi_value download(const Arguments& arguments) {
  const auto [target, bytes] = arguments.bytes(0);
  if (bytes > 0) CALL(cuMemcpyDtoHAsync_v2, target, arguments.pointer(1), bytes, nullptr);
  CALL(cuCtxSynchronize);
  return nullptr;
}

// copy(target, source, bytes), on the card.
napi_value copy(const Arguments& arguments) {
  CALL(cuMemcpyDtoDAsync_v2, arguments.pointer(0), arguments.pointer(1), size_t(arguments.number(2)), nullptr);
  return nullptr;
}

// clear(pointer, bytes): zeros.
napi_value clear(const Arguments& arguments) {
  CALL(cuMemsetD8Async, arguments.pointer(0), 0, size_t(arguments.number(1)), nullptr);
  return nullptr;
}

// load(ptx): a module.
napi_value load(const Arguments& arguments) {
  Handle module;
  const std::string ptx = arguments.text(0);
  CALL(cuModuleLoadData, &module, ptx.c_str());
  return numberOf(arguments.env, module);
}

// find(module, name): a kernel.
napi_value find(const Arguments& arguments) {
  Handle kernel;
  CALL(cuModuleGetFunction, &kernel, arguments.handle(0), arguments.text(1).c_str());
  return numberOf(arguments.env, kernel);
}

// launch(kernel, gridX, gridY, gridZ, threads, slots): each argument is a slot of eight bytes. It does not wait.
napi_value launch(const Arguments& arguments) {
  auto [slots, bytes] = arguments.bytes(5);
  void* pointers[kMostArguments];
  const size_t count = bytes / 8;
  if (count > kMostArguments) throw std::invalid_argument("too many arguments");
  for (size_t i = 0; i < count; i++) pointers[i] = slots + 8 * i;
  CALL(cuLaunchKernel, arguments.handle(0), unsigned(arguments.number(1)), unsigned(arguments.number(2)),
       unsigned(arguments.number(3)), unsigned(arguments.number(4)), 1, 1, 0, nullptr, pointers, nullptr);
  return nullptr;
}

// synchronize() waits for all that was asked for.
napi_value synchronize(const Arguments&) {
  CALL(cuCtxSynchronize);
  return nullptr;
}

void throwError(napi_env env, const char* code, const std::string& message) {
  napi_value value;
  napi_create_error(env, textOf(env, code), textOf(env, message), &value);
  napi_throw(env, value);
}

void throwDriverError(napi_env env, const DriverError& error) {
  const char *name = "CUDA_ERROR_UNKNOWN", *text = "";
  cuGetErrorName(error.result, &name);
  cuGetErrorString(error.result, &text);
  throwError(env, name, std::string(error.call) + ": " + name + " (" + text + ")");
}

void throwCublasLtError(napi_env env, const CublasLtError& error) {
  const char* name = cublasLtGetStatusName(error.status);
  throwError(env, name, std::string(error.call) + ": " + name);
}

template <napi_value (*function)(const Arguments&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return function(Arguments(env, info));
  } catch (const DriverError& error) {
    throwDriverError(env, error);
  } catch (const CublasLtError& error) {
    throwCublasLtError(env, error);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

template <napi_value (*function)(const Arguments&)>
void offer(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<function>, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  offer<open>(env, exports, "open");
  offer<describe>(env, exports, "describe");
  offer<use>(env, exports, "use");
  offer<memory>(env, exports, "memory");
  offer<allocate>(env, exports, "allocate");
  offer<release>(env, exports, "release");
  offer<upload>(env, exports, "upload");
  offer<download>(env, exports, "download");
  offer<copy>(env, exports, "copy");
  offer<clear>(env, exports, "clear");
  offer<load>(env, exports, "load");
  offer<find>(env, exports, "find");
  offer<launch>(env, exports, "launch");
  offer<synchronize>(env, exports, "synchronize");
  offer<openCublasLt>(env, exports, "openCublasLt");
  offer<startCublasLt>(env, exports, "startCublasLt");
  offer<closeCublasLt>(env, exports, "closeCublasLt");
  offer<findAlgorithm>(env, exports, "findAlgorithm");
  offer<multiply>(env, exports, "multiply");
  return exports;
}
