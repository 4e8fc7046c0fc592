// The functions of the CUDA driver that the addon calls. It needs no CUDA header: they are found by name in libcuda.so.1.
#pragma once
#include <cstddef>
#include <cstdint>

namespace {

using Result = int;
using Pointer = uint64_t;
using Handle = void*;

#define DRIVER(F)                                                                                                           \
  F(cuInit, (unsigned))                                                                                                     \
  F(cuDriverGetVersion, (int*))                                                                                             \
  F(cuDeviceGetCount, (int*))                                                                                               \
  F(cuDeviceGet, (int*, int))                                                                                               \
  F(cuDeviceGetName, (char*, int, int))                                                                                     \
  F(cuDeviceGetAttribute, (int*, int, int))                                                                                 \
  F(cuDevicePrimaryCtxRetain, (Handle*, int))                                                                               \
  F(cuCtxSetCurrent, (Handle))                                                                                              \
  F(cuCtxSynchronize, ())                                                                                                   \
  F(cuMemGetInfo_v2, (size_t*, size_t*))                                                                                    \
  F(cuMemAlloc_v2, (Pointer*, size_t))                                                                                      \
  F(cuMemFree_v2, (Pointer))                                                                                                \
  F(cuMemHostAlloc, (void**, size_t, unsigned))                                                                             \
  F(cuMemcpyHtoDAsync_v2, (Pointer, const void*, size_t, Handle))                                                           \
  F(cuMemcpyDtoHAsync_v2, (void*, Pointer, size_t, Handle))                                                                 \
  F(cuMemcpyDtoDAsync_v2, (Pointer, Pointer, size_t, Handle))                                                               \
  F(cuMemsetD8Async, (Pointer, unsigned char, size_t, Handle))                                                              \
  F(cuEventCreate, (Handle*, unsigned))                                                                                     \
  F(cuEventRecord, (Handle, Handle))                                                                                        \
  F(cuEventSynchronize, (Handle))                                                                                           \
  F(cuModuleLoadData, (Handle*, const void*))                                                                               \
  F(cuModuleGetFunction, (Handle*, Handle, const char*))                                                                    \
  F(cuLaunchKernel, (Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void**, void**)) \
  F(cuGetErrorName, (Result, const char**))                                                                                 \
  F(cuGetErrorString, (Result, const char**))

#define DECLARE(name, parameters) Result(*name) parameters;
DRIVER(DECLARE)

// A call of the driver that failed. JavaScript sees `code`, the driver's name of the error, and `call`.
struct DriverError {
  const char* call;
  Result result;
};

void check(Result result, const char* call) {
  if (result != 0) throw DriverError{call, result};
}
#define CALL(name, ...) check(name(__VA_ARGS__), #name)

}  // namespace
