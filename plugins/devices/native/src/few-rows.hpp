// The linear layer on few rows of x, as decoding has them: what it costs is reading the weight, which is read once,
// straight through, decoded in registers and multiplied with all rows in fp32. How many rows there are changes no
// row's result, so that a sequence is decoded in a batch as it is alone.
#pragma once
#include <type_traits>

#include "decode.hpp"
#include "skinny.hpp"
#include "threads.hpp"

namespace evolve {
namespace {

/** From more rows on, packed tiles are faster. */
constexpr int64_t kFewRows = 32;

/**
 * Rows of the weight whose products with R rows of x are summed up side by side in registers. R is at most 4: then the
 * rows of x stay in the first-level cache.
 */
template <int R>
constexpr int weightRows() {
#if defined(__AVX512F__)
  return R == 1 ? 8 : 4;
#else
  return R == 1 ? 4 : R == 2 ? 2 : 1;
#endif
}

/** Bytes of the weight that one task reads; small enough to stay in the cache for further rows of x. */
constexpr int64_t kTaskBytes = 96 << 10;

/**
 * How far before its use the weight is asked for. Where rows are short, the processor, which guesses by streams, has
 * hardly seen one when it ends; so each line asks for the one at its place in the next piece of rows, which follows in
 * memory. Longer rows it guesses by itself, and better. Two thirds more is read in a second of rows of 1 KB.
 */
inline int64_t prefetchDistance(int64_t pieceBytes) { return pieceBytes <= (16 << 10) ? pieceBytes : 0; }

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

// ---- W numbers of a stored row as fp32

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

template <Storage storage>
inline __attribute__((always_inline)) vf readVector(const uint8_t* from) {
  if constexpr (storage == Storage::bf16) return readBf16(from);
  if constexpr (storage == Storage::int8) return readInt8(from);
  vf values;
  if constexpr (storage == Storage::f32) std::memcpy(&values, from, sizeof values);
  else decodeF16(from, W, reinterpret_cast<float*>(&values));
  return values;
}

template <Storage storage>
constexpr int64_t bytesOf = storage == Storage::f32 ? 4 : storage == Storage::int8 ? 1 : 2;

/** x rows as the kernels take them: padded with zeros to whole vectors, or in the order of nf4's packed numbers. */
struct FewRows {
  const float* data;
  int64_t rows, stride;
};

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
      // Behind the last number x is zero, but what stands behind the row may be no number.
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

// ---- nf4

#if defined(__AVX512F__)
/** Numbers that are decoded at once: eight in each 32-bit lane, the first eight lanes being one block. */
constexpr int64_t kNf4Group = 128;

inline bool takesNf4Groups(const Weight& w) { return w.columns % kNormalFloatBlock == 0; }

/** x in the order in which a group's numbers come: nibble s of lane j is number 8 j + (s ^ 1). */
inline void arrangeForNf4(const float* x, int64_t columns, float* to) {
  for (int64_t group = 0; group < columns; group += kNf4Group)
    for (int64_t s = 0; s < 8; s++)
      for (int64_t j = 0; j < 16; j++) {
        const int64_t column = group + 8 * j + (s ^ 1);
        *to++ = column < columns ? x[column] : 0.0f;
      }
}

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
      // Of a lane only the lowest four bits choose from the table.
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

/** Any nf4 matrix: each row is decoded by itself. */
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

// ---- the layer

/** What is added to a product. */
struct FewRowsEpilogue {
  const float* scales;
  const float* bias;
  /** The branch: down [rows, rank] · up [out, rank]ᵀ. */
  const float* down;
  const float* up;
  int64_t rank;

  float apply(float value, int64_t row, int64_t out) const {
    if (scales) value *= scales[out];
    if (bias) value += bias[out];
    float added = 0;
    for (int64_t i = 0; i < rank; i++) added += down[row * rank + i] * up[out * rank + i];
    return value + added;
  }
};

/** Rows first … end − 1 of the weight, with all rows of x, R at a time. */
template <int R>
void fewRowsChunk(const Weight& w, int64_t first, int64_t end, const FewRows& x, int64_t row, float* decoded,
                  const FewRowsEpilogue& epilogue, float* y) {
  constexpr int N = weightRows<R>();
  const float* rows = x.data + row * x.stride;
  const auto piece = [&]<int n>(std::integral_constant<int, n>, int64_t out) {
    float sums[n][R];
    switch (w.storage) {
      case Storage::f32: dotRows<Storage::f32, n, R>(w, out, rows, x.stride, sums); break;
      case Storage::bf16: dotRows<Storage::bf16, n, R>(w, out, rows, x.stride, sums); break;
      case Storage::f16: dotRows<Storage::f16, n, R>(w, out, rows, x.stride, sums); break;
      case Storage::int8: dotRows<Storage::int8, n, R>(w, out, rows, x.stride, sums); break;
      case Storage::nf4:
#if defined(__AVX512F__)
        if (takesNf4Groups(w)) {
          dotNf4Rows<n, R>(w, out, rows, x.stride, sums);
          break;
        }
#endif
        dotDecodedRows<n, R>(w, out, rows, x.stride, decoded, sums);
    }
    for (int i = 0; i < n; i++)
      for (int r = 0; r < R; r++) y[(row + r) * w.rows + out + i] = epilogue.apply(sums[i][r], row + r, out + i);
  };
  int64_t out = first;
  for (; out + N <= end; out += N) piece(std::integral_constant<int, N>{}, out);
  for (; out < end; out++) piece(std::integral_constant<int, 1>{}, out);
}

inline FewRows arrangeRows(const float* x, int64_t rows, const Weight& w) {
  const int64_t columns = w.columns;
  const bool inGroups = w.storage == Storage::nf4 && takesNf4Groups(w);
  if (!inGroups && columns % W == 0) return {x, rows, columns};
  const int64_t unit = inGroups ? 128 : W;
  const int64_t stride = (columns + unit - 1) / unit * unit;
  auto* to = static_cast<float*>(scratch(0, slot::left, rows * stride * 4));
  for (int64_t row = 0; row < rows; row++) {
    const float* from = x + row * columns;
#if defined(__AVX512F__)
    if (inGroups) {
      arrangeForNf4(from, columns, to + row * stride);
      continue;
    }
#endif
    std::memcpy(to + row * stride, from, static_cast<size_t>(columns) * 4);
    std::fill(to + row * stride + columns, to + (row + 1) * stride, 0.0f);
  }
  return {to, rows, stride};
}

inline int64_t rowBytes(const Weight& w) {
  switch (w.storage) {
    case Storage::f32: return w.columns * 4;
    case Storage::bf16:
    case Storage::f16: return w.columns * 2;
    case Storage::int8: return w.columns;
    case Storage::nf4: break;
  }
  return w.columns / 2 + 1;
}

/** y [rows, out] = x wᵀ + bias (or null) + branch (or null); `rows` up to kFewRows. */
inline void linearOfFewRows(const float* x, int64_t rows, const Weight& w, const float* bias, const Branch* branch,
                            float* y) {
  FewRowsEpilogue epilogue{w.storage == Storage::int8 ? w.scales : nullptr, bias, nullptr, nullptr, 0};
  if (branch) {
    auto* down = static_cast<float*>(scratch(0, slot::gradient, rows * branch->rank * 4));
    skinnyDots(x, rows, w.columns, Mask(branch->dropout, branch->seed), branch->a, branch->rank, branch->scaling,
               down);
    epilogue.down = down;
    epilogue.up = branch->b;
    epilogue.rank = branch->rank;
  }
  const FewRows arranged = arrangeRows(x, rows, w);
  // Whole pieces for every number of rows, and enough tasks that the threads end together.
  constexpr int64_t kUnit = 8;
  const int64_t threads = threadCount();
  const int64_t most = std::max<int64_t>(kUnit, kTaskBytes / rowBytes(w) / kUnit * kUnit);
  const int64_t even = (w.rows / (threads * 4) + kUnit - 1) / kUnit * kUnit;
  const int64_t chunk = std::clamp<int64_t>(even, kUnit, most);
  parallelFor((w.rows + chunk - 1) / chunk, rows * w.rows * w.columns, [&](int64_t task, int thread) {
    const int64_t first = task * chunk;
    const int64_t end = std::min(w.rows, first + chunk);
    float* decoded = nullptr;
    if (w.storage == Storage::nf4 && !takesNf4Groups(w))
      decoded = static_cast<float*>(scratch(thread, slot::rows, (w.columns + W) * 4));
    int64_t row = 0;
    const auto take = [&]<int R>(std::integral_constant<int, R>) {
      for (; row + R <= rows; row += R) fewRowsChunk<R>(w, first, end, arranged, row, decoded, epilogue, y);
    };
    take(std::integral_constant<int, 4>{});
    take(std::integral_constant<int, 2>{});
    take(std::integral_constant<int, 1>{});
  });
}

}  // namespace
}  // namespace evolve
