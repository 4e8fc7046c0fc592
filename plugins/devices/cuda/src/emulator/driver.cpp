// libcuda.so.1 for machines without a GPU: device memory is the process's, a module is the kernels compiled in here, and a
// launch runs its blocks on fibers. Only what the addon calls is there. Faults are injected by environment variables:
//
//     EVOLVE_EMULATED_MEMORY=64M      how much device memory there is; EVOLVE_EMULATED_OTHERS=60M what other processes have of it
//     EVOLVE_EMULATED_FAULTS=cuLaunchKernel:3:719     as faults.hpp says. After 214 and 700 to 719 the card is lost: all calls
//                                     answer the same
//     EVOLVE_EMULATED_IDLE=1          nothing is computed or copied, and what is read is zero: what is left is the time of
//                                     JavaScript and the addon, and how much memory is asked for
//     EVOLVE_EMULATED_CAPABILITY=70   the compute capability; EVOLVE_EMULATED_DRIVER=11080 the version
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>

#include "faults.hpp"
#include "fibers.hpp"
#include "registry.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes)
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes)
#endif

namespace {

using emulator::setting;
using Pointer = uint64_t;
using Result = int;

constexpr Result kSuccess = 0, kInvalid = 1, kOutOfMemory = 2, kNoDevice = 100, kNoBinary = 209, kNotFound = 500,
                 kIllegalAddress = 700, kFailed = 719;
// Written around each allocation, so that a kernel that writes beyond its array is found when the array is freed.
constexpr size_t kGuard = 256;
constexpr unsigned char kGuardByte = 0xa5;

struct Block {
  char* base;
  size_t bytes;
};
std::map<Pointer, Block> blocks;
size_t used;
std::string lastFault = "no error";

bool isIdle() {
  static const bool idle = *setting("EVOLVE_EMULATED_IDLE", "");
  return idle;
}

size_t bytesOf(const char* text) {
  char* unit;
  const double number = strtod(text, &unit);
  return size_t(number * (*unit == 'G' ? 1 << 30 : *unit == 'M' ? 1 << 20 : *unit == 'K' ? 1 << 10 : 1));
}
size_t totalMemory() { return bytesOf(setting("EVOLVE_EMULATED_MEMORY", "4G")); }
size_t freeMemory() {
  const size_t taken = used + bytesOf(setting("EVOLVE_EMULATED_OTHERS", "0"));
  return taken < totalMemory() ? totalMemory() - taken : 0;
}

// What the call of `name` answers by EVOLVE_EMULATED_FAULTS, or success.
Result injected(const char* name) {
  static Result lost = kSuccess;
  if (lost != kSuccess) return lost;
  const Result fault = emulator::injectedFault(name);
  if (fault == 214 || (fault >= 700 && fault <= 719)) lost = fault;
  return fault;
}
#define FAULTS \
  if (const Result fault = injected(__func__)) return fault

bool isWhole(const Block& block) {
  for (size_t i = 0; i < kGuard; i++) {
    if ((unsigned char)block.base[i] != kGuardByte) return false;
    if ((unsigned char)block.base[kGuard + block.bytes + i] != kGuardByte) return false;
  }
  return true;
}

// Whether `bytes` from `pointer` on lie in one allocation.
bool isWithin(Pointer pointer, size_t bytes) {
  auto after = blocks.upper_bound(pointer);
  if (after == blocks.begin()) return false;
  const auto& [start, block] = *std::prev(after);
  return pointer + bytes <= start + block.bytes;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED Result cuInit(unsigned) {
  FAULTS;
  return kSuccess;
}
EXPORTED Result cuDriverGetVersion(int* version) {
  FAULTS;
  *version = atoi(setting("EVOLVE_EMULATED_DRIVER", "12000"));
  return kSuccess;
}
EXPORTED Result cuDeviceGetCount(int* count) {
  FAULTS;
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  *count = visible && strcmp(visible, "0") != 0 ? 0 : 1;
  return kSuccess;
}
EXPORTED Result cuDeviceGet(int* device, int index) {
  FAULTS;
  *device = index;
  return index == 0 ? kSuccess : kNoDevice;
}
EXPORTED Result cuDeviceGetName(char* name, int size, int) {
  FAULTS;
  snprintf(name, size, "emulated GPU");
  return kSuccess;
}
EXPORTED Result cuDeviceGetAttribute(int* value, int attribute, int) {
  FAULTS;
  const int capability = atoi(setting("EVOLVE_EMULATED_CAPABILITY", "80"));
  constexpr int kMultiprocessors = 16, kMajor = 75, kMinor = 76;
  *value = attribute == kMajor ? capability / 10 : attribute == kMinor ? capability % 10 : attribute == kMultiprocessors ? 2 : 0;
  return kSuccess;
}
EXPORTED Result cuDevicePrimaryCtxRetain(void** context, int) {
  FAULTS;
  *context = &blocks;
  return kSuccess;
}
EXPORTED Result cuCtxSetCurrent(void*) {
  FAULTS;
  return kSuccess;
}
EXPORTED Result cuCtxSynchronize() {
  FAULTS;
  return kSuccess;
}
EXPORTED Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  FAULTS;
  *total = totalMemory();
  *free = freeMemory();
  return kSuccess;
}

EXPORTED Result cuMemAlloc_v2(Pointer* pointer, size_t bytes) {
  FAULTS;
  if (bytes == 0) return kInvalid;
  if (bytes > freeMemory()) return kOutOfMemory;
  auto* base = static_cast<char*>(aligned_alloc(kGuard, (bytes + 3 * kGuard - 1) / kGuard * kGuard));
  if (!base) return kOutOfMemory;
  memset(base, kGuardByte, kGuard);
  // Not numbers: what is read before it was written shows.
  if (!isIdle()) memset(base + kGuard, 0xff, bytes);
  memset(base + kGuard + bytes, kGuardByte, kGuard);
  ASAN_POISON_MEMORY_REGION(base, kGuard);
  ASAN_POISON_MEMORY_REGION(base + kGuard + bytes, kGuard);
  *pointer = reinterpret_cast<Pointer>(base + kGuard);
  blocks[*pointer] = {base, bytes};
  used += bytes;
  return kSuccess;
}
EXPORTED Result cuMemFree_v2(Pointer pointer) {
  FAULTS;
  const auto found = blocks.find(pointer);
  if (found == blocks.end()) return kInvalid;
  ASAN_UNPOISON_MEMORY_REGION(found->second.base, 2 * kGuard + found->second.bytes);
  const bool whole = isWhole(found->second);
  used -= found->second.bytes;
  free(found->second.base);
  blocks.erase(found);
  if (!whole) lastFault = "a kernel has written beyond an array";
  return whole ? kSuccess : kIllegalAddress;
}
EXPORTED Result cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  FAULTS;
  *pointer = malloc(bytes);
  return *pointer ? kSuccess : kOutOfMemory;
}
EXPORTED Result cuMemFreeHost(void* pointer) {
  FAULTS;
  free(pointer);
  return kSuccess;
}
EXPORTED Result cuMemcpyHtoDAsync_v2(Pointer to, const void* from, size_t bytes, void*) {
  FAULTS;
  if (!isWithin(to, bytes)) return kIllegalAddress;
  if (!isIdle()) memcpy(reinterpret_cast<void*>(to), from, bytes);
  return kSuccess;
}
EXPORTED Result cuMemcpyDtoHAsync_v2(void* to, Pointer from, size_t bytes, void*) {
  FAULTS;
  if (!isWithin(from, bytes)) return kIllegalAddress;
  if (isIdle()) memset(to, 0, bytes);
  else memcpy(to, reinterpret_cast<void*>(from), bytes);
  return kSuccess;
}
EXPORTED Result cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void*) {
  FAULTS;
  if (!isWithin(to, bytes) || !isWithin(from, bytes)) return kIllegalAddress;
  if (!isIdle()) memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
  return kSuccess;
}
EXPORTED Result cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, void*) {
  FAULTS;
  if (!isWithin(to, bytes)) return kIllegalAddress;
  if (!isIdle()) memset(reinterpret_cast<void*>(to), value, bytes);
  return kSuccess;
}
EXPORTED Result cuEventCreate(void** event, unsigned) {
  FAULTS;
  *event = &blocks;
  return kSuccess;
}
EXPORTED Result cuEventRecord(void*, void*) {
  FAULTS;
  return kSuccess;
}
EXPORTED Result cuEventSynchronize(void*) {
  FAULTS;
  return kSuccess;
}

EXPORTED Result cuModuleLoadData(void** module, const void* image) {
  FAULTS;
  if (!strstr(static_cast<const char*>(image), ".version")) return kNoBinary;
  *module = &blocks;
  return kSuccess;
}
EXPORTED Result cuModuleGetFunction(void** function, void*, const char* name) {
  FAULTS;
  auto& table = emulator::kernels();
  const auto found = table.find(name);
  if (found == table.end()) return kNotFound;
  *function = &found->second;
  return kSuccess;
}
EXPORTED Result cuLaunchKernel(void* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                               unsigned blockZ, unsigned, void*, void** arguments, void**) {
  FAULTS;
  if (gridX == 0 || gridY == 0 || gridZ == 0 || gridY > 65535 || gridZ > 65535) return kInvalid;
  if (isIdle()) return kSuccess;
  const auto& kernel = *static_cast<emulator::Kernel*>(function);
  try {
    emulator::launch({gridX, gridY, gridZ}, {blockX, blockY, blockZ}, [&] { kernel(arguments); });
  } catch (const std::exception& error) {
    lastFault = error.what();
    return kFailed;
  }
  return kSuccess;
}

EXPORTED Result cuGetErrorName(Result result, const char** name) {
  static const std::map<Result, const char*> names = {
      {kInvalid, "CUDA_ERROR_INVALID_VALUE"},       {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {kNoDevice, "CUDA_ERROR_NO_DEVICE"},          {kNoBinary, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {218, "CUDA_ERROR_INVALID_PTX"},              {kNotFound, "CUDA_ERROR_NOT_FOUND"},
      {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"}, {kFailed, "CUDA_ERROR_LAUNCH_FAILED"},
      {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"},   {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
      {46, "CUDA_ERROR_DEVICE_UNAVAILABLE"},        {214, "CUDA_ERROR_ECC_UNCORRECTABLE"},
      {304, "CUDA_ERROR_OPERATING_SYSTEM"},         {999, "CUDA_ERROR_UNKNOWN"},
  };
  const auto found = names.find(result);
  *name = found == names.end() ? "CUDA_ERROR_UNKNOWN" : found->second;
  return kSuccess;
}
EXPORTED Result cuGetErrorString(Result result, const char** text) {
  *text = result == kFailed || result == kIllegalAddress ? lastFault.c_str() : "emulated";
  return kSuccess;
}
