// Rotary position embedding (arXiv 2104.09864) in half form: number i of a part turns with number i + half.
#pragma once
#include <algorithm>
#include <cstdint>

#include "../threads.hpp"

namespace evolve {
namespace {

inline void rotary(const float* x, const float* cos, const float* sin, int64_t tokens, int64_t heads, int64_t headDim,
                   int64_t parts, float sign, float* y) {
  const int64_t half = headDim / parts / 2;
  constexpr int64_t kTokens = 16;
  parallelFor((tokens + kTokens - 1) / kTokens, kTouch * tokens * heads * headDim, [&](int64_t task, int) {
    for (int64_t token = task * kTokens; token < std::min(tokens, (task + 1) * kTokens); token++) {
      const float* c = cos + token * headDim / 2;
      const float* s = sin + token * headDim / 2;
      for (int64_t head = 0; head < heads; head++) {
        for (int64_t part = 0; part < parts; part++) {
          const int64_t at = (token * heads + head) * headDim + part * 2 * half;
          const float* pc = c + part * half;
          const float* ps = s + part * half;
          for (int64_t i = 0; i < half; i++) {
            const float first = x[at + i];
            const float second = x[at + half + i];
            y[at + i] = first * pc[i] - second * ps[i] * sign;
            y[at + half + i] = second * pc[i] + first * ps[i] * sign;
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace evolve
