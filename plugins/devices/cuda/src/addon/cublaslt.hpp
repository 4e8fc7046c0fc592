// NVIDIA's cublasLt for Node.js, which is opened where it is found. It needs no header of CUDA's: what is declared here is of
// include/cublasLt.h in the Python packages nvidia-cublas-cu12 12.9.3 and nvidia-cublas 13.10.0, which agree in it.
//
// A product is that of src/kernels/products.hpp, in bf16 with fp32 sums: C [m, n] = factor · A [m, k] B [k, n] + bias [n]. cublasLt
// stores matrices column by column. What lies in memory as C [m, n] is to it the transposed [n, m], which is Bᵀ Aᵀ: our B is its A.
#pragma once
#include <dlfcn.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "arguments.hpp"

namespace {

using Status = int;

// The algorithm of a product, and what the heuristics say of it.
struct Algorithm {
  uint64_t data[8];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspaceBytes;
  Status status;
  float waves;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96);

constexpr int kR32F = 0, kR16BF = 14, kCompute32F = 68;
constexpr int kTransposeA = 3, kTransposeB = 4, kEpilogue = 7, kBiasPointer = 8;
constexpr int kMostWorkspaceBytes = 1, kReductionSchemes = 3, kLeastAlignmentOfA = 5, kLeastAlignmentOfD = 8;
constexpr uint32_t kEpilogueBias = 4;
constexpr int kReductionScheme = 3;
constexpr Status kNotSupported = 15;
// Parts of a sum lie in the workspace in fp32, and are added in a fixed order. The other schemes add in C itself, as parts come
// (1), or round the parts (4).
constexpr uint32_t kNoReduction = 0, kReductionInFp32 = 2;

#define CUBLASLT(F)                                                                                                          \
  F(cublasLtCreate, (Handle*))                                                                                               \
  F(cublasLtDestroy, (Handle))                                                                                               \
  F(cublasLtMatmulDescCreate, (Handle*, int, int))                                                                           \
  F(cublasLtMatmulDescDestroy, (Handle))                                                                                     \
  F(cublasLtMatmulDescSetAttribute, (Handle, int, const void*, size_t))                                                      \
  F(cublasLtMatrixLayoutCreate, (Handle*, int, uint64_t, uint64_t, int64_t))                                                 \
  F(cublasLtMatrixLayoutDestroy, (Handle))                                                                                   \
  F(cublasLtMatmulPreferenceCreate, (Handle*))                                                                               \
  F(cublasLtMatmulPreferenceDestroy, (Handle))                                                                               \
  F(cublasLtMatmulPreferenceSetAttribute, (Handle, int, const void*, size_t))                                                \
  F(cublasLtMatmulAlgoConfigGetAttribute, (const Algorithm*, int, void*, size_t, size_t*))                                   \
  F(cublasLtMatmulAlgoGetHeuristic, (Handle, Handle, Handle, Handle, Handle, Handle, Handle, int, HeuristicResult*, int*))   \
  F(cublasLtMatmul, (Handle, Handle, const void*, Pointer, Handle, Pointer, Handle, const void*, Pointer, Handle, Pointer,   \
                     Handle, const Algorithm*, Pointer, size_t, Handle))

#define DECLARE_CUBLASLT(name, parameters) Status(*name) parameters;
CUBLASLT(DECLARE_CUBLASLT)
size_t (*cublasLtGetVersion)();
const char* (*cublasLtGetStatusName)(Status);

void* cublasLt = nullptr;
Handle cublasLtHandle = nullptr;

// A call of cublasLt that failed. JavaScript sees `code`, the status' name.
struct CublasLtError {
  const char* call;
  Status status;
};

void checkStatus(Status status, const char* call) {
  if (status != 0) throw CublasLtError{call, status};
}
#define CALL_LT(name, ...) checkStatus(name(__VA_ARGS__), #name)

// closeCublasLt() gives back what it holds of the card.
napi_value closeCublasLt(const Arguments&) {
  // One that has registered its kernels with the CUDA runtime stays loaded.
  if (cublasLtHandle) cublasLtDestroy(cublasLtHandle);
  else if (cublasLt) dlclose(cublasLt);
  cublasLtHandle = nullptr;
  cublasLt = nullptr;
  return nullptr;
}

// openCublasLt(library) opens it, but does not use the card yet. It returns { version, file }.
napi_value openCublasLt(const Arguments& arguments) {
  closeCublasLt(arguments);
  const std::string library = arguments.text(0);
  cublasLt = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!cublasLt) throw std::runtime_error(dlerror());
#define FIND(name)                                                     \
  name = reinterpret_cast<decltype(name)>(dlsym(cublasLt, #name)); \
  if (!name) throw std::runtime_error(library + ": it has no function " #name);
#define FIND_CUBLASLT(name, parameters) FIND(name)
  CUBLASLT(FIND_CUBLASLT)
  FIND(cublasLtGetVersion)
  FIND(cublasLtGetStatusName)
  Dl_info info;
  const bool isKnown = dladdr(reinterpret_cast<void*>(cublasLtGetVersion), &info) && info.dli_fname;
  napi_value result;
  napi_create_object(arguments.env, &result);
  napi_set_named_property(arguments.env, result, "version", numberOf(arguments.env, double(cublasLtGetVersion())));
  napi_set_named_property(arguments.env, result, "file", textOf(arguments.env, isKnown ? info.dli_fname : library));
  return result;
}

// startCublasLt() makes it ready on the card that the addon uses.
napi_value startCublasLt(const Arguments&) {
  CALL_LT(cublasLtCreate, &cublasLtHandle);
  return nullptr;
}

// Something of cublasLt's that is to be destroyed.
template <Status (*&destroy)(Handle)>
struct Owned {
  Handle handle = nullptr;
  Owned() = default;
  Owned(const Owned&) = delete;
  ~Owned() {
    if (handle) destroy(handle);
  }
};

// A product as cublasLt takes it, of seven arguments: m, n, k, whether A and B are transposed, whether C is in fp32, and the
// pointer to the bias in C's type, or null.
struct Description {
  Owned<cublasLtMatmulDescDestroy> operation;
  Owned<cublasLtMatrixLayoutDestroy> a, b, c;

  Description(const Arguments& arguments, int first) {
    const uint64_t m = arguments.pointer(first), n = arguments.pointer(first + 1), k = arguments.pointer(first + 2);
    const bool isATransposed = arguments.number(first + 3), isBTransposed = arguments.number(first + 4);
    const int type = arguments.number(first + 5) ? kR32F : kR16BF;
    CALL_LT(cublasLtMatmulDescCreate, &operation.handle, kCompute32F, kR32F);
    set(kTransposeA, int32_t(!isBTransposed));
    set(kTransposeB, int32_t(isATransposed));
    if (!arguments.isNull(first + 6)) {
      set(kEpilogue, kEpilogueBias);
      set(kBiasPointer, arguments.pointer(first + 6));
    }
    layout(b.handle, kR16BF, isBTransposed ? n : k, isBTransposed ? k : n);
    layout(a.handle, kR16BF, isATransposed ? m : k, isATransposed ? k : m);
    layout(c.handle, type, n, m);
  }

 private:
  template <class T>
  void set(int attribute, T value) {
    CALL_LT(cublasLtMatmulDescSetAttribute, operation.handle, attribute, &value, sizeof value);
  }
  static void layout(Handle& handle, int type, uint64_t rows, uint64_t columns) {
    CALL_LT(cublasLtMatrixLayoutCreate, &handle, type, rows, columns, int64_t(rows));
  }
};

// findAlgorithm(algorithm, mostWorkspaceBytes, alignment, ...description) writes the fastest algorithm that adds in a fixed order to
// the 64 bytes of `algorithm`. `alignment`: what the pointers to A, B and C are multiples of, at most 256. It returns the bytes of
// its workspace, or -1 where there is none.
napi_value findAlgorithm(const Arguments& arguments) {
  constexpr int kMostResults = 16;
  const auto [algorithm, bytes] = arguments.bytes(0);
  if (bytes != sizeof(Algorithm)) throw std::invalid_argument("an algorithm has 64 bytes");
  const uint64_t mostBytes = arguments.pointer(1);
  const uint32_t alignment = arguments.number(2), schemes = kReductionInFp32;
  const Description product(arguments, 3);
  Owned<cublasLtMatmulPreferenceDestroy> preference;
  CALL_LT(cublasLtMatmulPreferenceCreate, &preference.handle);
  const auto prefer = [&](int attribute, const auto& value) {
    CALL_LT(cublasLtMatmulPreferenceSetAttribute, preference.handle, attribute, &value, sizeof value);
  };
  prefer(kMostWorkspaceBytes, mostBytes);
  prefer(kReductionSchemes, schemes);
  for (int matrix = kLeastAlignmentOfA; matrix <= kLeastAlignmentOfD; matrix++) prefer(matrix, alignment);
  HeuristicResult results[kMostResults];
  int count = 0;
  const Status status =
      cublasLtMatmulAlgoGetHeuristic(cublasLtHandle, product.operation.handle, product.b.handle, product.a.handle,
                                     product.c.handle, product.c.handle, preference.handle, kMostResults, results, &count);
  if (status == kNotSupported) return numberOf(arguments.env, -1.);
  checkStatus(status, "cublasLtMatmulAlgoGetHeuristic");
  // They are ordered by the time that they are thought to take.
  for (const HeuristicResult* result = results; result < results + count; result++) {
    uint32_t scheme;
    size_t written;
    if (result->status != 0 || result->workspaceBytes > mostBytes) continue;
    CALL_LT(cublasLtMatmulAlgoConfigGetAttribute, &result->algorithm, kReductionScheme, &scheme, sizeof scheme, &written);
    if (scheme != kNoReduction && scheme != kReductionInFp32) continue;
    memcpy(algorithm, &result->algorithm, sizeof(Algorithm));
    return numberOf(arguments.env, double(result->workspaceBytes));
  }
  return numberOf(arguments.env, -1.);
}

// multiply(algorithm, a, b, c, factor, workspace, workspaceBytes, ...description), by the algorithm that was found for that
// description. It does not wait.
napi_value multiply(const Arguments& arguments) {
  const auto [algorithm, bytes] = arguments.bytes(0);
  if (bytes != sizeof(Algorithm)) throw std::invalid_argument("an algorithm has 64 bytes");
  const Pointer a = arguments.pointer(1), b = arguments.pointer(2), c = arguments.pointer(3);
  const float factor = arguments.number(4), none = 0;
  Algorithm aligned;
  memcpy(&aligned, algorithm, sizeof aligned);
  const Description product(arguments, 7);
  CALL_LT(cublasLtMatmul, cublasLtHandle, product.operation.handle, &factor, b, product.b.handle, a, product.a.handle, &none, c,
          product.c.handle, c, product.c.handle, &aligned, arguments.pointer(5), size_t(arguments.number(6)), nullptr);
  return nullptr;
}

}  // namespace
