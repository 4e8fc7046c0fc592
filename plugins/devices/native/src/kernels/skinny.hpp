// Products with a matrix of few rows, such as the low-rank branch has: the tiles of gemm.hpp are too wide for them.
#pragma once
#include <algorithm>

#include "../threads.hpp"
#include "mask.hpp"

namespace evolve {
namespace {

/** Reads W elements at `index` of x, or fewer at the end of a row, with zeros behind. */
inline vf readMasked(const float* x, int64_t index, int64_t valid, const Mask& mask) {
  vf v;
  if (valid >= W) {
    v = load(x + index);
  } else {
    v = vf{};
    for (int64_t i = 0; i < valid; i++) v[i] = x[index + i];
  }
  return mask.any() ? v * mask.at(index) : v;
}

/** out [rows, r] = mask(x) [rows, columns] · bᵀ, b [r, columns], times `factor`. */
inline void skinnyDots(const float* x, int64_t rows, int64_t columns, const Mask& mask, const float* b, int64_t r,
                       float factor, float* out) {
  constexpr int64_t kRowsATask = 32;
  constexpr int kGroup = 8;
  parallelFor((rows + kRowsATask - 1) / kRowsATask, rows * columns * r, [&](int64_t task, int) {
    const int64_t end = std::min(rows, (task + 1) * kRowsATask);
    for (int64_t row = task * kRowsATask; row < end; row++) {
      for (int64_t first = 0; first < r; first += kGroup) {
        const int64_t group = std::min<int64_t>(kGroup, r - first);
        vf sums[kGroup] = {};
        for (int64_t column = 0; column < columns; column += W) {
          const int64_t valid = columns - column;
          const vf v = readMasked(x, row * columns + column, valid, mask);
          if (group == kGroup && valid >= W) {
#pragma GCC unroll 8
            for (int i = 0; i < kGroup; i++) sums[i] += v * load(b + (first + i) * columns + column);
          } else {
            for (int64_t i = 0; i < group; i++)
              sums[i] += v * readMasked(b, (first + i) * columns + column, valid, Mask());
          }
        }
        for (int64_t i = 0; i < group; i++) out[row * r + first + i] = factor * sum(sums[i]);
      }
    }
  });
}

/** out [r, columns] = vᵀ · mask(x), v [rows, r], x [rows, columns]. */
inline void skinnyOuter(const float* v, const float* x, int64_t rows, int64_t columns, const Mask& mask, int64_t r,
                        float* out) {
  constexpr int kGroup = 8;
  parallelFor((columns + W - 1) / W, rows * columns * r, [&](int64_t task, int) {
    const int64_t column = task * W;
    const int64_t valid = std::min<int64_t>(W, columns - column);
    for (int64_t first = 0; first < r; first += kGroup) {
      const int64_t group = std::min<int64_t>(kGroup, r - first);
      vf sums[kGroup] = {};
      for (int64_t row = 0; row < rows; row++) {
        const vf value = readMasked(x, row * columns + column, valid, mask);
        const float* factors = v + row * r + first;
        if (group == kGroup) {
#pragma GCC unroll 8
          for (int i = 0; i < kGroup; i++) sums[i] += value * factors[i];
        } else {
          for (int64_t i = 0; i < group; i++) sums[i] += value * factors[i];
        }
      }
      for (int64_t i = 0; i < group; i++)
        for (int64_t j = 0; j < valid; j++) out[(first + i) * columns + column + j] = sums[i][j];
    }
  });
}

inline void transpose(const float* x, int64_t rows, int64_t columns, float* out) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j];
}

}  // namespace
}  // namespace evolve
