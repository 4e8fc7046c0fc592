// Dot products of rows of an nf4 weight with rows of x in fp32, as row-dots.hpp has them for other weights. AVX-512
// decodes whole groups of numbers in registers; everything else decodes one row at a time
// (decode.hpp).
#pragma once
#include "row-dots.hpp"

namespace evolve {
namespace {

#if defined(__AVX512F__)
/** Numbers that are decoded at once: each 32-bit lane holds eight, and eight lanes are one block. */
constexpr int64_t kNf4Group = 128;

/** Whether dotNf4Rows can take this weight: blocks end where rows end. */
inline bool takesNf4Groups(const Weight& w) { return w.columns % kNormalFloatBlock == 0; }

/** Puts x into the order in which a group is decoded: nibble s of lane j is number 8 j + (s ^ 1). */
inline void arrangeForNf4(const float* x, int64_t columns, float* to) {
  for (int64_t group = 0; group < columns; group += kNf4Group)
    for (int64_t s = 0; s < 8; s++)
      for (int64_t j = 0; j < 16; j++) {
        const int64_t column = group + 8 * j + (s ^ 1);
        *to++ = column < columns ? x[column] : 0.0f;
      }
}

/** out[n][r] = row `row` + n of the weight · row r of x, which arrangeForNf4 has put into order. */
template <int N, int R>
inline __attribute__((always_inline)) void dotNf4Rows(const Weight& w, int64_t row, const float* x, int64_t stride,
                                                      float (&out)[N][R]) {
  const __m512 table = _mm512_loadu_ps(kNormalFloat4);
  const int64_t columns = w.columns;
  const int64_t ahead = prefetchDistance(N * columns / 2);
  vf sums[N][R] = {};
  for (int64_t group = 0; group < columns; group += kNf4Group) {
    const bool isWhole = group + kNf4Group <= columns;
    const __mmask16 lanes = isWhole ? 0xffff : 0x00ff;
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) {
      const int64_t at = (row + n) * columns + group;
      __builtin_prefetch(w.data + at / 2 + ahead, 0, 2);
      const __m512i codes = _mm512_maskz_loadu_epi32(lanes, w.data + at / 2);
      const int64_t block = at / kNormalFloatBlock;
      const __m512 first = _mm512_set1_ps(absmaxOf(w, block));
      const __m512 scale = isWhole ? _mm512_mask_mov_ps(first, 0xff00, _mm512_set1_ps(absmaxOf(w, block + 1))) : first;
      vf parts[R] = {};
      // The permutation looks only at the lowest four bits of a lane.
#pragma GCC unroll 8
      for (unsigned s = 0; s < 8; s++) {
        const vf weight = (vf)_mm512_permutexvar_ps(_mm512_srli_epi32(codes, 4 * s), table);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) parts[r] += weight * load(x + r * stride + group + s * 16);
      }
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) sums[n][r] += parts[r] * (vf)scale;
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; n++)
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) out[n][r] = sumInPairs(sums[n][r]);
}
#else
inline bool takesNf4Groups(const Weight&) { return false; }
#endif

/** The same for any nf4 matrix and x in its own order: each row is decoded by itself. */
template <int N, int R>
inline void dotDecodedRows(const Weight& w, int64_t row, const float* x, int64_t stride, float* decoded,
                           float (&out)[N][R]) {
  for (int n = 0; n < N; n++) {
    decodeNf4(w, (row + n) * w.columns, w.columns, decoded);
    Weight plain{};
    plain.columns = w.columns;
    plain.data = reinterpret_cast<const uint8_t*>(decoded);
    float (&part)[1][R] = reinterpret_cast<float (&)[1][R]>(out[n]);
    dotRows<Storage::f32, 1, R>(plain, 0, x, stride, part);
  }
}

}  // namespace
}  // namespace evolve
