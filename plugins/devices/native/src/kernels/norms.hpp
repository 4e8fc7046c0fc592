// The norms of rows, with their gradients: the layer norm and the root-mean-square norm.
#pragma once
#include <algorithm>
#include <cmath>

#include "../threads.hpp"
#include "simd.hpp"

namespace evolve {
namespace {

/** Rows that one task takes. The number is fixed, so that sums over rows do not depend on the number of threads. */
constexpr int64_t kNormRows = 64;

inline float meanOf(const float* x, int64_t count) {
  vf total{};
  int64_t i = 0;
  for (; i + W <= count; i += W) total += load(x + i);
  float result = sum(total);
  for (; i < count; i++) result += x[i];
  return result / static_cast<float>(count);
}

/** Σ (a − shift) · b · c, where a null b or c stands for ones. */
inline float dotOf(const float* a, float shift, const float* b, const float* c, int64_t count) {
  vf total{};
  int64_t i = 0;
  for (; i + W <= count; i += W) {
    vf v = load(a + i) - shift;
    if (b) v *= load(b + i);
    if (c) v *= load(c + i);
    total += v;
  }
  float result = sum(total);
  for (; i < count; i++) result += (a[i] - shift) * (b ? b[i] : 1.0f) * (c ? c[i] : 1.0f);
  return result;
}

/** Σ (x − shift)². */
inline float squaresOf(const float* x, float shift, int64_t count) {
  vf total{};
  int64_t i = 0;
  for (; i + W <= count; i += W) {
    const vf v = load(x + i) - shift;
    total += v * v;
  }
  float result = sum(total);
  for (; i < count; i++) result += (x[i] - shift) * (x[i] - shift);
  return result;
}

/** The layer norm, or with `rms` the root-mean-square norm, which subtracts no mean and has no bias. */
template <bool rms>
void norm(const float* x, const float* weight, const float* bias, int64_t rows, int64_t columns, float epsilon,
          float* y) {
  parallelFor((rows + kNormRows - 1) / kNormRows, kTouch * rows * columns, [&](int64_t task, int) {
    for (int64_t row = task * kNormRows; row < std::min(rows, (task + 1) * kNormRows); row++) {
      const float* from = x + row * columns;
      const float mean = rms ? 0.0f : meanOf(from, columns);
      const float inverse = 1 / std::sqrt(squaresOf(from, mean, columns) / static_cast<float>(columns) + epsilon);
      float* to = y + row * columns;
      for (int64_t i = 0; i < columns; i++)
        to[i] = (from[i] - mean) * inverse * weight[i] + (rms ? 0.0f : bias[i]);
    }
  });
}

template <bool rms>
void normGradient(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns, float epsilon,
                  float* dx, float* dweight, float* dbias) {
  const int64_t tasks = (rows + kNormRows - 1) / kNormRows;
  float* partial = nullptr;
  if (dweight) {
    partial = static_cast<float*>(scratch(0, slot::partials, tasks * 2 * columns * 4));
    std::fill(partial, partial + tasks * 2 * columns, 0.0f);
  }
  const auto size = static_cast<float>(columns);
  parallelFor(tasks, 2 * kTouch * rows * columns, [&](int64_t task, int) {
    for (int64_t row = task * kNormRows; row < std::min(rows, (task + 1) * kNormRows); row++) {
      const float* from = x + row * columns;
      const float* gradient = dy + row * columns;
      float* to = dx + row * columns;
      const float mean = rms ? 0.0f : meanOf(from, columns);
      const float inverse = 1 / std::sqrt(squaresOf(from, mean, columns) / size + epsilon);
      const float along = dotOf(from, mean, weight, gradient, columns) * inverse * inverse / size;
      const float average = rms ? 0.0f : dotOf(weight, 0, gradient, nullptr, columns) / size;
      for (int64_t i = 0; i < columns; i++)
        to[i] = inverse * (weight[i] * gradient[i] - average - (from[i] - mean) * along);
      if (!dweight) continue;
      float* weightSums = partial + task * 2 * columns;
      float* biasSums = weightSums + columns;
      for (int64_t i = 0; i < columns; i++) {
        weightSums[i] += gradient[i] * (from[i] - mean) * inverse;
        biasSums[i] += gradient[i];
      }
    }
  });
  if (!dweight) return;
  std::fill(dweight, dweight + columns, 0.0f);
  if (dbias) std::fill(dbias, dbias + columns, 0.0f);
  for (int64_t task = 0; task < tasks; task++)
    for (int64_t i = 0; i < columns; i++) {
      dweight[i] += partial[task * 2 * columns + i];
      if (dbias) dbias[i] += partial[(task * 2 + 1) * columns + i];
    }
}

inline void rmsNorm(const float* x, const float* weight, int64_t rows, int64_t columns, float epsilon, float* y) {
  norm<true>(x, weight, nullptr, rows, columns, epsilon, y);
}

inline void rmsNormGradient(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns,
                            float epsilon, float* dx, float* dweight) {
  normGradient<true>(x, weight, dy, rows, columns, epsilon, dx, dweight, nullptr);
}

inline void layerNorm(const float* x, const float* weight, const float* bias, int64_t rows, int64_t columns,
                      float epsilon, float* y) {
  norm<false>(x, weight, bias, rows, columns, epsilon, y);
}

inline void layerNormGradient(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns,
                              float epsilon, float* dx, float* dweight, float* dbias) {
  normGradient<false>(x, weight, dy, rows, columns, epsilon, dx, dweight, dbias);
}

}  // namespace
}  // namespace evolve
