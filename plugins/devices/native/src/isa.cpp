// Which instruction sets this CPU has, and which of them is taken when nobody says.
#include "kernels.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(EVOLVE_AMX)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace evolve {
namespace {

#if defined(EVOLVE_AVX_VNNI)
/** AVX-VNNI: bit 4 of EAX in the second part of CPUID's leaf 7. Compilers have no name for it as long as the flag. */
bool hasAvxVnni() {
  unsigned most, eax, ebx, ecx, edx;
  if (!__get_cpuid_count(7, 0, &most, &ebx, &ecx, &edx) || most < 1) return false;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1) != 0;
}
#endif

#if defined(EVOLVE_AMX)
/**
 * AMX: bits 22, 24 and 25 of EDX in CPUID's leaf 7 (bf16, tiles, int8). Linux lends a process the registers' memory only
 * where it asks before their first use.
 */
bool hasAmx() {
  constexpr unsigned kBits = 1u << 22 | 1u << 24 | 1u << 25;
  constexpr long kRequest = 0x1023, kTileData = 18;
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx & kBits) != kBits) return false;
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}
#endif

}  // namespace

int supportedIsas(const Kernels* (&list)[kMostIsas]) {
  int count = 0;
  list[count++] = &kernelsPlain;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return count;
  list[count++] = &kernelsAvx2;
#if defined(EVOLVE_AVX_VNNI)
  if (hasAvxVnni()) list[count++] = &kernelsAvxVnni;
#endif
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
    return count;
  list[count++] = &kernelsAvx512;
  if (!__builtin_cpu_supports("avx512vnni")) return count;
  list[count++] = &kernelsAvx512Vnni;
  if (!__builtin_cpu_supports("avx512bf16")) return count;
  list[count++] = &kernelsAvx512Bf16;
#if defined(EVOLVE_AMX)
  if (hasAmx()) list[count++] = &kernelsAmx;
#endif
#endif
  return count;
}

const Kernels& preferredIsa() {
  const Kernels* list[kMostIsas];
  int count = supportedIsas(list);
  while (list[count - 1]->bf16Pays && !list[count - 1]->bf16Pays()) count--;
  return *list[count - 1];
}

}  // namespace evolve
