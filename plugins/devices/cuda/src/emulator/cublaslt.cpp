// libcublasLt.so.12 for machines without a GPU, under the emulated driver, whose device memory is the process's: what the addon
// calls, for products in bf16 with fp32 sums. It is stricter than the real one. Of the algorithms that it offers only the last can
// be taken, and only for the product that it was asked for; a context is refused while anything of the last one is left.
//
//     EVOLVE_EMULATED_CUBLASLT=110903                  the version
//     EVOLVE_EMULATED_FAULTS=cublasLtMatmul:3:13       as faults.hpp says; after -1 a result is wrong
//     EVOLVE_EMULATED_IDLE=1                           nothing is computed
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "faults.hpp"

namespace {

using Status = int;
constexpr Status kSuccess = 0, kInvalid = 7, kInternal = 14, kNotSupported = 15;
constexpr int kR32F = 0, kR16BF = 14, kCompute32F = 68;
constexpr size_t kWorkspaceBytes = 1 << 20;

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t leading;
  bool operator==(const Layout&) const = default;
};
struct Operation {
  int32_t transposeA = 0, transposeB = 0;
  uint32_t epilogue = 1;
  const void* bias = nullptr;
};
struct Preference {
  uint64_t mostWorkspaceBytes = 0;
  uint32_t schemes = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};
};
struct Algorithm {
  uint32_t scheme, alignment;
  // Of the product that it is for.
  uint64_t product[7];
};
static_assert(sizeof(Algorithm) == 64);
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspaceBytes;
  Status status;
  float waves;
  int reserved[4];
};

int alive = 0;

template <class T>
Status make(T** made, T value) {
  *made = new T(value);
  alive++;
  return kSuccess;
}
template <class T>
Status destroy(T* made) {
  delete made;
  alive--;
  return kSuccess;
}
template <class T>
Status assign(T& target, const void* value, size_t bytes) {
  if (bytes != sizeof target) return kInvalid;
  memcpy(&target, value, bytes);
  return kSuccess;
}

float numberAt(const void* numbers, int type, size_t i) {
  if (type == kR32F) return static_cast<const float*>(numbers)[i];
  const uint32_t bits = uint32_t(static_cast<const uint16_t*>(numbers)[i]) << 16;
  float number;
  memcpy(&number, &bits, 4);
  return number;
}
void store(void* numbers, int type, size_t i, float number) {
  if (type == kR32F) {
    static_cast<float*>(numbers)[i] = number;
    return;
  }
  uint32_t bits;
  memcpy(&bits, &number, 4);
  static_cast<uint16_t*>(numbers)[i] = number != number ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// What a product is, in the numbers that an algorithm keeps.
std::vector<uint64_t> factsOf(const Operation& operation, const Layout& a, const Layout& b, const Layout& d) {
  return {a.rows,    a.columns, b.rows, b.columns, uint64_t(operation.transposeA * 2 + operation.transposeB), operation.epilogue,
          uint64_t(d.type)};
}

bool fits(const Operation& operation, const Layout& a, const Layout& b, const Layout& d) {
  const uint64_t k = operation.transposeA ? a.rows : a.columns;
  return d.rows == (operation.transposeA ? a.columns : a.rows) && k == (operation.transposeB ? b.columns : b.rows) &&
         d.columns == (operation.transposeB ? b.rows : b.columns) && a.type == kR16BF && b.type == kR16BF;
}

// The rows of op(A), or the columns of op(B): k numbers each, one behind the other.
std::vector<float> gathered(const void* numbers, const Layout& layout, bool isOverRows) {
  std::vector<float> all(layout.rows * layout.columns);
  for (uint64_t column = 0; column < layout.columns; column++) {
    for (uint64_t row = 0; row < layout.rows; row++) {
      const size_t to = isOverRows ? row * layout.columns + column : column * layout.rows + row;
      all[to] = numberAt(numbers, layout.type, column * layout.leading + row);
    }
  }
  return all;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))
#define FAULTS \
  if (const Status fault = emulator::injectedFault(__func__)) return fault

EXPORTED size_t cublasLtGetVersion() { return atoi(emulator::setting("EVOLVE_EMULATED_CUBLASLT", "120903")); }
EXPORTED const char* cublasLtGetStatusName(Status status) {
  switch (status) {
    case 1: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case 3: return "CUBLAS_STATUS_ALLOC_FAILED";
    case kInvalid: return "CUBLAS_STATUS_INVALID_VALUE";
    case 13: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case kNotSupported: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "CUBLAS_STATUS_INTERNAL_ERROR";
  }
}

EXPORTED Status cublasLtCreate(int** context) {
  FAULTS;
  return alive == 0 ? make(context, 0) : kInternal;
}
EXPORTED Status cublasLtDestroy(int* context) { return destroy(context); }

EXPORTED Status cublasLtMatmulDescCreate(Operation** operation, int compute, int scale) {
  FAULTS;
  return compute == kCompute32F && scale == kR32F ? make(operation, {}) : kNotSupported;
}
EXPORTED Status cublasLtMatmulDescDestroy(Operation* operation) { return destroy(operation); }
EXPORTED Status cublasLtMatmulDescSetAttribute(Operation* operation, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
    case 3: return assign(operation->transposeA, value, bytes);
    case 4: return assign(operation->transposeB, value, bytes);
    case 7: return assign(operation->epilogue, value, bytes);
    case 8: return assign(operation->bias, value, bytes);
    default: return kInvalid;
  }
}

EXPORTED Status cublasLtMatrixLayoutCreate(Layout** layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  return leading < int64_t(rows) ? kInvalid : make(layout, {type, rows, columns, leading});
}
EXPORTED Status cublasLtMatrixLayoutDestroy(Layout* layout) { return destroy(layout); }

EXPORTED Status cublasLtMatmulPreferenceCreate(Preference** preference) { return make(preference, {}); }
EXPORTED Status cublasLtMatmulPreferenceDestroy(Preference* preference) { return destroy(preference); }
EXPORTED Status cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* value, size_t bytes) {
  if (attribute == 1) return assign(preference->mostWorkspaceBytes, value, bytes);
  if (attribute == 3) return assign(preference->schemes, value, bytes);
  return attribute >= 5 && attribute <= 8 ? assign(preference->alignment[attribute - 5], value, bytes) : kInvalid;
}

EXPORTED Status cublasLtMatmulAlgoConfigGetAttribute(const Algorithm* algorithm, int attribute, void* value, size_t bytes, size_t*) {
  if (attribute != 3 || bytes != sizeof algorithm->scheme) return kInvalid;
  memcpy(value, &algorithm->scheme, bytes);
  return kSuccess;
}

EXPORTED Status cublasLtMatmulAlgoGetHeuristic(int* context, const Operation* operation, const Layout* a, const Layout* b,
                                               const Layout* c, const Layout* d, const Preference* preference, int most,
                                               HeuristicResult* results, int* count) {
  FAULTS;
  if (!context || !fits(*operation, *a, *b, *d) || !(*c == *d) || most < 4) return kInvalid;
  if (preference->schemes & 5) return kInvalid;
  *count = 0;
  const auto offer = [&](Status status, size_t workspaceBytes, uint32_t scheme) {
    Algorithm algorithm = {scheme, preference->alignment[0], {}};
    const auto facts = factsOf(*operation, *a, *b, *d);
    memcpy(algorithm.product, facts.data(), sizeof algorithm.product);
    results[(*count)++] = {algorithm, workspaceBytes, status, 1, {}};
  };
  offer(kSuccess, 0, 1);
  offer(kNotSupported, 0, 0);
  offer(kSuccess, preference->mostWorkspaceBytes + 1, 2);
  if (preference->mostWorkspaceBytes >= kWorkspaceBytes) offer(kSuccess, kWorkspaceBytes, 2);
  return kSuccess;
}

EXPORTED Status cublasLtMatmul(int* context, const Operation* operation, const float* factor, const void* a, const Layout* aLayout,
                               const void* b, const Layout* bLayout, const float* adding, const void* c, const Layout* cLayout,
                               void* d, const Layout* dLayout, const Algorithm* algorithm, void* workspace, size_t workspaceBytes,
                               void* stream) {
  const Status fault = emulator::injectedFault(__func__);
  if (fault > 0) return fault;
  const auto facts = factsOf(*operation, *aLayout, *bLayout, *dLayout);
  if (!context || !fits(*operation, *aLayout, *bLayout, *dLayout) || !(*cLayout == *dLayout)) return kInvalid;
  if (algorithm->scheme != 2 || memcmp(algorithm->product, facts.data(), sizeof algorithm->product) != 0) return kInvalid;
  if (workspaceBytes < kWorkspaceBytes || stream || c != d || *adding != 0) return kInvalid;
  for (const void* pointer : {a, b, c}) {
    if (reinterpret_cast<uintptr_t>(pointer) % algorithm->alignment != 0) return kInvalid;
  }
  if (*emulator::setting("EVOLVE_EMULATED_IDLE", "")) return kSuccess;
  // All of it, so that a workspace that is too small shows.
  memset(workspace, 0xff, workspaceBytes);
  const auto left = gathered(a, *aLayout, !operation->transposeA), right = gathered(b, *bLayout, operation->transposeB);
  const size_t k = left.size() / dLayout->rows;
  for (size_t column = 0; column < dLayout->columns; column++) {
    for (size_t row = 0; row < dLayout->rows; row++) {
      float sum = 0;
      for (size_t i = 0; i < k; i++) sum += left[row * k + i] * right[column * k + i];
      sum *= *factor;
      if (operation->epilogue == 4) sum += numberAt(operation->bias, dLayout->type, row);
      store(d, dLayout->type, column * dLayout->leading + row, sum);
    }
  }
  if (fault < 0) store(d, dLayout->type, 0, numberAt(d, dLayout->type, 0) + 1);
  return kSuccess;
}
