// What is done number by number: sums, factors, dropout, and the loops over all numbers that gates.hpp, columns.hpp and
// optimizer.hpp use too.
#pragma once
#include <algorithm>

#include "../threads.hpp"
#include "mask.hpp"
#include "simd.hpp"

namespace evolve {
namespace {

/** Numbers that one task takes. */
constexpr int64_t kPiece = 16384;

/** Calls body(start, end) for each piece of 0 … size − 1, on all threads. */
template <class Body>
void inPieces(int64_t size, Body&& body) {
  parallelFor((size + kPiece - 1) / kPiece, kTouch * size,
              [&](int64_t task, int) { body(task * kPiece, std::min(size, (task + 1) * kPiece)); });
}

/** Applies `body` (vectors in, vector out) to all whole vectors, and to a padded copy of the rest. */
template <int N, class Body>
void mapVectors(const float* const (&inputs)[N], float* out, int64_t start, int64_t end, Body&& body) {
  vf values[N];
  int64_t i = start;
  for (; i + W <= end; i += W) {
    for (int n = 0; n < N; n++) values[n] = load(inputs[n] + i);
    store(out + i, body(values, i));
  }
  if (i == end) return;
  for (int n = 0; n < N; n++) {
    values[n] = vf{};
    for (int64_t j = i; j < end; j++) values[n][j - i] = inputs[n][j];
  }
  const vf result = body(values, i);
  for (int64_t j = i; j < end; j++) out[j] = result[j - i];
}

/** The same on all threads, from 0 to size − 1. */
template <int N, class Body>
void map(const float* const (&inputs)[N], float* out, int64_t size, Body&& body) {
  inPieces(size, [&](int64_t start, int64_t end) { mapVectors(inputs, out, start, end, body); });
}

inline void add(const float* a, const float* b, int64_t size, float* y) {
  map({a, b}, y, size, [](const vf* v, int64_t) { return v[0] + v[1]; });
}

inline void scale(const float* x, int64_t size, float factor, float* y) {
  map({x}, y, size, [&](const vf* v, int64_t) { return v[0] * factor; });
}

inline void dropout(const float* x, int64_t size, double rate, uint32_t seed, float* y) {
  const Mask mask(rate, seed);
  map({x}, y, size, [&](const vf* v, int64_t i) { return mask.any() ? v[0] * mask.at(i) : v[0]; });
}

}  // namespace
}  // namespace evolve
