// Rows of a frozen weight as fp32: the embedding, and weights that are decoded for other kernels.
#pragma once
#include "../threads.hpp"
#include "decode.hpp"

namespace evolve {
namespace {

/** Decodes one row; of int8 it applies the scale too. */
inline void decodeRow(const Weight& w, int64_t row, float* to) {
  WeightSource{w}.read(row, 0, w.columns, to);
  if (w.storage != Storage::int8) return;
  for (int64_t i = 0; i < w.columns; i++) to[i] *= w.scales[row];
}

inline void embedding(const int32_t* ids, int64_t count, const Weight& w, float* y) {
  constexpr int64_t kTokens = 16;
  parallelFor((count + kTokens - 1) / kTokens, kTouch * count * w.columns, [&](int64_t task, int) {
    for (int64_t i = task * kTokens; i < std::min(count, (task + 1) * kTokens); i++)
      decodeRow(w, ids[i], y + i * w.columns);
  });
}

inline void decode(const Weight& w, int64_t start, int64_t end, float* target) {
  const int64_t rows = end - start;
  parallelFor(rows, kTouch * rows * w.columns,
              [&](int64_t i, int) { decodeRow(w, start + i, target + i * w.columns); });
}

}  // namespace
}  // namespace evolve
