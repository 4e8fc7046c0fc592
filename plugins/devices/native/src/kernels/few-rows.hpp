// The linear layer on few rows of x, as generation has them. Its time goes into reading the weight, so it reads the
// weight once and multiplies each piece with all rows of x in fp32 (row-dots.hpp). The number of rows changes no row's
// result, so that a sequence in a batch gives the same tokens as alone.
#pragma once
#include <type_traits>

#include "../threads.hpp"
#include "nf4-row-dots.hpp"
#include "skinny.hpp"

namespace evolve {
namespace {

/** Above this number of rows, the packed tiles of linear.hpp are faster. */
constexpr int64_t kFewRows = 32;

/**
 * The number of rows of the weight whose products with R rows of x are summed side by side in registers. R is at most
 * 4, so that the rows of x stay in the first-level cache.
 */
template <int R>
constexpr int weightRows() {
#if defined(__AVX512F__)
  return R == 1 ? 8 : 4;
#else
  return R == 1 ? 4 : R == 2 ? 2 : 1;
#endif
}

/** Bytes of the weight that one task reads: few enough to stay in the cache for the next rows of x. */
constexpr int64_t kTaskBytes = 96 << 10;

/** Rows of x as the dot products take them: padded with zeros to whole vectors, or in the order of arrangeForNf4. */
struct FewRows {
  const float* data;
  int64_t rows, stride;
};

/** What is done to a product before it is written: int8's scales, the bias, the low-rank branch. */
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

/** Rows first … end − 1 of the weight times rows row … row + R − 1 of x. */
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

/** Brings the rows of x into the form that the weight needs; the copy, where there is one, lies in scratch memory. */
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

/** Bytes of a stored row, rounded up. */
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
  // A chunk holds whole pieces for every R, and there are enough tasks that the threads end together.
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
