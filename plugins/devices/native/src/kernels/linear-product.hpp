// The product of a linear layer with its frozen weight, x Wᵀ forward or dy W backward, in any arithmetic. linear.hpp
// prepares its left operand and runs it.
#pragma once
#include "epilogue.hpp"
#include "quantize.hpp"

namespace evolve {
namespace {

/** Packs the right operand, the weight: its rows are columns of the product (forward) or the reduction (backward). */
template <class Lane, bool forward>
void packWeight(const Weight& w, int64_t column, int64_t count, int64_t k0, int64_t k1, uint32_t* to, int64_t stride) {
  if constexpr (forward) {
    for (int64_t n = 0; n < count; n += kColumns)
      packRows<Lane, kColumns>(WeightSource{w}, column + n, std::min<int64_t>(kColumns, count - n), k0, k1,
                               to + n / kColumns * stride);
  } else {
    packColumns<Lane, kColumns>(WeightSource{w}, k0, k1, column, count, to, stride);
  }
}

/** What the two directions of a linear layer have in common. */
template <bool forward>
struct LinearProduct {
  const Weight& w;
  const float* bias;
  /** The branch's right factor as fp32 rows: forward B [out, rank], backward A [rank, in]. */
  const float* branchRight;
  int64_t branchRank;
  RankUpdate update;
  const int32_t* outliers;
  int64_t outlierCount;
  Target target;

  /**
   * Sets what is added in fp32: the branch, whose left factor is `branch`, and the outlier columns of x. Its left side is
   * still to be packed, whole or panel by panel.
   */
  template <class Lane>
  RankLeft takeOutliers(const QuantizedLeft& quantized, const float* branch, const float* x, const float* factors) {
    outliers = quantized.outliers;
    outlierCount = quantized.outlierCount;
    update.rank = branchRank + outlierCount;
    const int64_t depth = forward ? w.columns : w.rows;
    RankLeft ranks{branch, branchRank, x, factors, outliers, outlierCount, target.rows, depth, Lane::rows};
    update.left = ranks.take();
    return ranks;
  }

  bool scaled() const { return forward && w.storage == Storage::int8; }

  ColumnData prepare(int64_t column, int64_t count, int thread) const {
    const int64_t size = ceilDiv(count, kColumns) * kColumns;
    auto* memory = static_cast<float*>(scratch(thread, slot::rank, (2 + update.rank) * size * 4));
    ColumnData data;
    data.first = column;
    if (scaled()) data.scale = padded(w.scales + column, count, memory);
    if (bias) data.bias = padded(bias + column, count, memory);
    if (update.rank == 0) return data;
    auto* right = reinterpret_cast<uint32_t*>(memory);
    data.right = right;
    for (int64_t n = 0; n < size; n += kColumns) {
      auto* panel = reinterpret_cast<float*>(right + n / kColumns * rightStride(update.rank));
      for (int64_t k = 0; k < update.rank; k++)
        for (int64_t j = 0; j < kColumns; j++)
          panel[k * kColumns + j] = n + j < count ? rightFactor(k, column + n + j) : 0.0f;
    }
    return data;
  }

  float rightFactor(int64_t k, int64_t column) const {
    if (k < branchRank) return forward ? branchRight[column * branchRank + k] : branchRight[k * w.columns + column];
    float value;
    const int64_t outlier = outliers[k - branchRank];
    WeightSource{w}.read(forward ? column : outlier, forward ? outlier : column, 1, &value);
    return forward ? value * w.scales[column] : value;
  }

  template <class Lane>
  void run(const Left<Lane>& left) const {
    multiply(
        left, target.columns,
        [&](int64_t column, int64_t count, int64_t k0, int64_t k1, uint32_t* to, int64_t stride) {
          packWeight<Lane, forward>(w, column, count, k0, k1, to, stride);
        },
        [&](int64_t column, int64_t count, int thread) { return prepare(column, count, thread); },
        [&](Tile<Lane>& sums, int64_t panel, int64_t column, int64_t block, bool isLast, const ColumnData& columns) {
          if (columns.scale) {
#pragma GCC unroll 2
            for (int j = 0; j < kVectors; j++) {
              const vf scale = load(columns.scale + column - columns.first + j * W);
#pragma GCC unroll 14
              for (int i = 0; i < Lane::rows; i++) sums[i][j] *= scale;
            }
          }
          finishTile(sums, panel, column, block > 0, isLast, columns, update, target);
        });
  }

  void runInt8(const Left<Int8Lane>& left, const QuantizedLeft& quantized) const {
    const int64_t blocks = std::max<int64_t>(1, ceilDiv(lanesOf<Int8Lane>(left.depth), kBlock<Int8Lane>));
    multiply(
        left, target.columns,
        [&](int64_t column, int64_t count, int64_t k0, int64_t k1, uint32_t* to, int64_t stride) {
          packWeight<Int8Lane, forward>(w, column, count, k0, k1, to, stride);
        },
        [&](int64_t column, int64_t count, int thread) { return prepare(column, count, thread); },
        [&](Tile<Int8Lane>& sums, int64_t panel, int64_t column, int64_t block, bool isLast,
            const ColumnData& columns) {
          vf values[Int8Lane::rows][kVectors];
          vf scale[kVectors];
#pragma GCC unroll 2
          for (int j = 0; j < kVectors; j++)
            scale[j] = columns.scale ? load(columns.scale + column - columns.first + j * W) : set(1.0f);
#pragma GCC unroll 14
          for (int i = 0; i < Int8Lane::rows; i++) {
            const int64_t row = panel * Int8Lane::rows + i;
            const int32_t excess = Int8Lane::bias * quantized.sums[row * blocks + block];
#pragma GCC unroll 2
            for (int j = 0; j < kVectors; j++)
              values[i][j] = toFloat(sums[i][j] - excess) * (quantized.scales[row] * scale[j]);
          }
          finishTile(values, panel, column, block > 0, isLast, columns, update, target);
        });
  }
};

}  // namespace
}  // namespace evolve
