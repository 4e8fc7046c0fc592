// Numbers -> int8, row by row: frozen weights once, activations and their gradients on the fly.
#pragma once
#include <atomic>
#include <cfloat>

#include "gemm.hpp"

namespace evolve {
namespace {

/** A left operand in int8, but for its packed codes: row i is scales[i] · codes[i]. Outlier columns have codes of 0. */
struct QuantizedLeft {
  /** [rows, to a multiple of Int8Lane::rows] */
  float* scales;
  /** [rows, blocks of the reduction]: the sums of codes, for Int8Lane::bias. */
  int32_t* sums;
  const int32_t* outliers;
  int64_t outlierCount;
  /** By what the columns are multiplied before, the outliers by 0; or null. Only until the codes are packed. */
  const float* kept;
};

constexpr int64_t kRowsATask = 16;

/** A row's scale: 127 steps to its largest magnitude, but none so small that its inverse is infinite. */
inline float stepOf(float largest) { return largest > 0 ? std::max(largest / 127, FLT_MIN) : 0.0f; }

/** The largest magnitude, and the sum of squares, of `count` numbers times `factors` (or null). */
inline void measure(const float* x, const float* factors, int64_t count, float& largest, float& squares) {
  vf most{}, total{};
  int64_t i = 0;
  for (; i + W <= count; i += W) {
    const vf v = factors ? load(x + i) * load(factors + i) : load(x + i);
    most = maximum(absolute(v), most);
    total += v * v;
  }
  largest = maximumOf(most);
  squares = sum(total);
  for (; i < count; i++) {
    const float v = factors ? x[i] * factors[i] : x[i];
    largest = std::max(largest, std::fabs(v));
    squares += v * v;
  }
}

inline int32_t quantize(const float* x, const float* factors, int64_t count, float inverse, int8_t* codes) {
  int32_t total = 0;
  int64_t i = 0;
  vi sums{};
  for (; i + W <= count; i += W) {
    const vf v = factors ? load(x + i) * load(factors + i) : load(x + i);
    const vi q = toInt(nearest(v * inverse));
    sums += q;
    typedef int8_t bytes __attribute__((vector_size(W)));
    const bytes packed = __builtin_convertvector(q, bytes);
    std::memcpy(codes + i, &packed, W);
  }
  for (int j = 0; j < W; j++) total += sums[j];
  for (; i < count; i++) {
    const auto q = static_cast<int32_t>(std::nearbyint((factors ? x[i] * factors[i] : x[i]) * inverse));
    total += q;
    codes[i] = static_cast<int8_t>(q);
  }
  return total;
}

/** At most one column in this many is kept apart: beyond, it would cost more than int8 saves. */
constexpr int64_t kColumnsAnOutlier = 64;

/**
 * The columns that hold a number of more than `threshold` times its row's root mean square, those that exceed it most;
 * written to `outliers` in ascending order.
 */
inline int64_t findOutliers(const float* excess, int64_t threads, int64_t columns, float threshold,
                            int32_t* outliers) {
  auto* largest = static_cast<float*>(scratch(0, slot::factors, columns * 4));
  int64_t count = 0;
  for (int64_t i = 0; i < columns; i++) {
    largest[i] = 0;
    for (int64_t thread = 0; thread < threads; thread++)
      largest[i] = std::max(largest[i], excess[thread * columns + i]);
    if (largest[i] > threshold) outliers[count++] = static_cast<int32_t>(i);
  }
  const int64_t most = std::max<int64_t>(1, columns / kColumnsAnOutlier);
  if (count <= most) return count;
  // Equal ones in the order of their columns, so that the choice is the same everywhere.
  std::nth_element(outliers, outliers + most, outliers + count, [&](int32_t a, int32_t b) {
    return largest[a] != largest[b] ? largest[a] > largest[b] : a < b;
  });
  std::sort(outliers, outliers + most);
  return most;
}

/** Blocks of the reduction of `columns` int8 numbers; each has a sum of codes of its own. */
inline int64_t blocksOf(int64_t columns) {
  return std::max<int64_t>(1, ceilDiv(columns, kBlock<Int8Lane> * Int8Lane::width));
}

/**
 * Finds scales and outliers of x [rows, columns], its columns multiplied with `factors` (or null), for 127 steps of each
 * row's largest magnitude; packQuantized goes on from there. Outlier columns are set apart, as LLM.int8()
 * (arXiv 2208.07339) does: one such number would cost the rest of its row most of the steps. The threshold is relative
 * to a row's root mean square, so that it serves gradients too; 0 sets none apart.
 */
inline QuantizedLeft measureLeft(const float* x, int64_t rows, int64_t columns, const float* factors,
                                  float threshold) {
  const int64_t padded = ceilDiv(rows, Int8Lane::rows) * Int8Lane::rows;
  const int64_t blocks = blocksOf(columns);
  QuantizedLeft result{};
  result.scales = static_cast<float*>(scratch(0, slot::scales, padded * 4));
  result.sums = static_cast<int32_t*>(scratch(0, slot::sums, padded * blocks * 4));
  std::fill(result.scales + rows, result.scales + padded, 0.0f);
  std::fill(result.sums + rows * blocks, result.sums + padded * blocks, 0);
  auto* outliers = static_cast<int32_t*>(scratch(0, slot::outliers, (threadCount() + 1) * columns * 4));
  auto* excess = reinterpret_cast<float*>(outliers + columns);
  result.outliers = outliers;

  std::fill(excess, excess + threadCount() * columns, 0.0f);
  parallelFor(ceilDiv(rows, kRowsATask), kTouch * rows * columns, [&](int64_t task, int thread) {
    float* columnExcess = excess + thread * columns;
    for (int64_t row = task * kRowsATask; row < std::min(rows, (task + 1) * kRowsATask); row++) {
      const float* values = x + row * columns;
      float largest, squares;
      measure(values, factors, columns, largest, squares);
      // What is no number must not become one.
      result.scales[row] = std::isfinite(squares) ? stepOf(largest) : NAN;
      const float size = std::sqrt(squares / static_cast<float>(columns));
      // Of the smallest numbers the squares are 0.
      if (threshold == 0 || size == 0 || !(largest > threshold * size)) continue;
      const float inverse = 1 / size;
      for (int64_t i = 0; i < columns; i++) {
        const float ratio = std::fabs(factors ? values[i] * factors[i] : values[i]) * inverse;
        columnExcess[i] = ratio > columnExcess[i] ? ratio : columnExcess[i];
      }
    }
  });
  if (threshold > 0) result.outlierCount = findOutliers(excess, threadCount(), columns, threshold, outliers);

  result.kept = factors;
  if (result.outlierCount > 0) {
    auto* masked = static_cast<float*>(scratch(0, slot::factors, columns * 4));
    for (int64_t i = 0; i < columns; i++) masked[i] = factors ? factors[i] : 1.0f;
    for (int64_t i = 0; i < result.outlierCount; i++) masked[outliers[i]] = 0;
    result.kept = masked;
  }
  return result;
}

/** The codes of one row of x, and their sums. */
inline void quantizeRow(const float* values, int64_t row, int64_t columns, const QuantizedLeft& left, int8_t* codes) {
  const int64_t blockElements = kBlock<Int8Lane> * Int8Lane::width;
  const int64_t blocks = blocksOf(columns);
  const float* kept = left.kept;
  float& scale = left.scales[row];
  if (left.outlierCount > 0 && !std::isnan(scale)) {
    float largest, squares;
    measure(values, kept, columns, largest, squares);
    scale = stepOf(largest);
  }
  if (std::isnan(scale)) {
    std::memset(codes, 0, static_cast<size_t>(columns));
    std::fill(left.sums + row * blocks, left.sums + (row + 1) * blocks, 0);
    return;
  }
  const float inverse = scale > 0 ? 1 / scale : 0.0f;
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t start = block * blockElements;
    const int64_t count = std::min(blockElements, columns - start);
    left.sums[row * blocks + block] =
        quantize(values + start, kept ? kept + start : nullptr, count, inverse, codes + start);
  }
}

/** Quantizes and packs x panel by panel, and calls `also(panel)`: one loop, in which a panel's codes stay in the cache. */
template <class Also>
void packQuantized(const Left<Int8Lane>& left, const float* x, const QuantizedLeft& quantized, const Also& also) {
  const int64_t columns = left.depth;
  parallelFor(left.panels(), kTouch * left.rows * columns, [&](int64_t panel, int thread) {
    auto* codes = static_cast<int8_t*>(scratch(thread, slot::codes, Int8Lane::rows * columns));
    const int64_t first = panel * Int8Lane::rows;
    const int64_t count = left.rowsOf(panel);
    for (int64_t i = 0; i < count; i++)
      quantizeRow(x + (first + i) * columns, first + i, columns, quantized, codes + i * columns);
    packLeftRows<Int8Lane>(Int8Source{codes, columns}, 0, count, 0, columns, left.lanes + panel * left.stride);
    also(panel);
  });
}

/** As kernels.hpp says; the same numbers as plugins/quantizers/int8. */
inline int64_t quantizeWeight(const Weight& w, int8_t* values, float* scales) {
  std::atomic<int64_t> faulty{w.rows};
  parallelFor(ceilDiv(w.rows, kRowsATask), kTouch * w.rows * w.columns, [&](int64_t task, int thread) {
    auto* row = static_cast<float*>(scratch(thread, slot::rows, w.columns * 4));
    for (int64_t i = task * kRowsATask; i < std::min(w.rows, (task + 1) * kRowsATask); i++) {
      WeightSource{w}.read(i, 0, w.columns, row);
      if (w.storage == Storage::int8)
        for (int64_t j = 0; j < w.columns; j++) row[j] *= w.scales[i];
      float largest, squares;
      measure(row, nullptr, w.columns, largest, squares);
      bool finite = std::isfinite(largest);
      for (int64_t j = 0; j < w.columns && finite && !std::isfinite(squares); j++) finite = std::isfinite(row[j]);
      if (!finite) {
        for (int64_t seen = faulty; i < seen && !faulty.compare_exchange_weak(seen, i);) {
        }
        return;
      }
      scales[i] = largest / 127;
      const double inverse = largest == 0 ? 0 : 127.0 / largest;
      // Halves up and in double, as Math.round of JavaScript's numbers.
      for (int64_t j = 0; j < w.columns; j++)
        values[i * w.columns + j] = static_cast<int8_t>(std::floor(row[j] * inverse + 0.5));
    }
  });
  const int64_t first = faulty;
  return first == w.rows ? -1 : first;
}

}  // namespace
}  // namespace evolve
