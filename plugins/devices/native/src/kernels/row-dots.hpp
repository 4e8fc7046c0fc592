// Dot products of stored rows of a weight with rows of x in fp32. The rows are read once, straight through, and decoded
// in registers; few-rows.hpp uses this. nf4 has its own in nf4-row-dots.hpp.
#pragma once
#include "decode.hpp"

namespace evolve {
namespace {

/**
 * The bytes between what is read and what is prefetched. The processor's own prefetcher follows streams, and a short
 * row ends before it has recognized one. So each line prefetches the line at its place in the next piece of rows, which
 * follows in memory: with rows of 1 KB this reads two thirds more in a second. Long rows are left to the processor,
 * which is better at them.
 */
inline int64_t prefetchDistance(int64_t pieceBytes) { return pieceBytes <= (16 << 10) ? pieceBytes : 0; }

/** The sum of the numbers of a vector: halves are added to halves. */
inline float sumInPairs(vf v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps((__m512)v);
#else
  float part[W];
  std::memcpy(part, &v, sizeof v);
  for (int half = W / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) part[i] += part[i + half];
  return part[0];
#endif
}

/** W numbers of a stored row as fp32. */
inline vf readBf16(const uint8_t* from) {
#if defined(__AVX512F__)
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
#elif defined(__AVX2__)
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
#else
  vf values;
  decodeBf16(from, W, reinterpret_cast<float*>(&values));
  return values;
#endif
}

/** The integers as they are, without the row's scale. */
inline vf readInt8(const uint8_t* from) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
#elif defined(__AVX2__)
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
#else
  vf values;
  decodeInt8(from, W, reinterpret_cast<float*>(&values));
  return values;
#endif
}

/** The same for any storage but nf4. */
template <Storage storage>
inline __attribute__((always_inline)) vf readVector(const uint8_t* from) {
  if constexpr (storage == Storage::bf16) return readBf16(from);
  if constexpr (storage == Storage::int8) return readInt8(from);
  vf values;
  if constexpr (storage == Storage::f32) std::memcpy(&values, from, sizeof values);
  else decodeF16(from, W, reinterpret_cast<float*>(&values));
  return values;
}

/** Bytes of a stored number. */
template <Storage storage>
constexpr int64_t bytesOf = storage == Storage::f32 ? 4 : storage == Storage::int8 ? 1 : 2;

/** out[n][r] = row `row` + n of the weight · row r of x. */
template <Storage storage, int N, int R>
inline __attribute__((always_inline)) void dotRows(const Weight& w, int64_t row, const float* x, int64_t stride,
                                                   float (&out)[N][R]) {
  constexpr int64_t size = bytesOf<storage>;
  const int64_t columns = w.columns;
  const uint8_t* from = w.data + row * columns * size;
  const int64_t ahead = prefetchDistance(N * columns * size);
  vf sums[N][R] = {};
  int64_t column = 0;
  for (; column + W <= columns; column += W) {
    vf values[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) values[r] = load(x + r * stride + column);
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) {
      const uint8_t* at = from + (n * columns + column) * size;
      __builtin_prefetch(at + ahead, 0, 2);
      const vf weight = readVector<storage>(at);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) sums[n][r] += weight * values[r];
    }
  }
  if (column < columns) {
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) {
      // x is zero behind its last number, but the bytes behind the weight's row may be no number.
      alignas(64) uint8_t rest[W * 4] = {};
      std::memcpy(rest, from + (n * columns + column) * size, static_cast<size_t>((columns - column) * size));
      const vf weight = readVector<storage>(rest);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) sums[n][r] += weight * load(x + r * stride + column);
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; n++)
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) out[n][r] = sumInPairs(sums[n][r]);
}

}  // namespace
}  // namespace evolve
