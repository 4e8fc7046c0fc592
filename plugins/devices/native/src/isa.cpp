// Which instruction sets this CPU has, and which of them is taken when nobody says.
#include "kernels.hpp"

namespace evolve {

int supportedIsas(const Kernels* (&list)[5]) {
  int count = 0;
  list[count++] = &kernelsPlain;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return count;
  list[count++] = &kernelsAvx2;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
    return count;
  list[count++] = &kernelsAvx512;
  if (!__builtin_cpu_supports("avx512vnni")) return count;
  list[count++] = &kernelsAvx512Vnni;
  if (__builtin_cpu_supports("avx512bf16")) list[count++] = &kernelsAvx512Bf16;
#endif
  return count;
}

const Kernels& preferredIsa() {
  const Kernels* list[5];
  int count = supportedIsas(list);
  if (list[count - 1]->bf16Pays && !list[count - 1]->bf16Pays()) count--;
  return *list[count - 1];
}

}  // namespace evolve
