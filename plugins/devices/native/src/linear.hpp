// The linear layer on a frozen weight, stored once and row-major: x Wᵀ forward, dy W backward, the low-rank branch
// and the outlier columns of int8 added in fp32 while a tile is still in registers.
#pragma once
#include "few-rows.hpp"
#include "quantize.hpp"
#include "skinny.hpp"

namespace evolve {
namespace {

/** What is added to a product in fp32: left [rows, rank] · right [rank, columns]. */
struct RankUpdate {
  int64_t rank = 0;
  /** Packed in panels of kRows. */
  const uint32_t* left = nullptr;
  /** Dropout, of the first `masked` of the rank: the branch, but not the outlier columns. */
  int64_t masked = 0;
  Mask mask;
};

/** What a task needs of its columns, padded to whole tiles. */
struct ColumnData {
  int64_t first = 0;
  const float* scale = nullptr;
  const float* bias = nullptr;
  const uint32_t* right = nullptr;
};

/** Where a product goes. */
struct Target {
  float* data;
  int64_t rows, columns;
};

inline const float* padded(const float* values, int64_t count, float*& memory) {
  const int64_t size = ceilDiv(count, kColumns) * kColumns;
  float* to = memory;
  memory += size;
  std::memcpy(to, values, static_cast<size_t>(count) * 4);
  std::fill(to + count, to + size, 0.0f);
  return to;
}

/** A finished tile: rank update, bias, then written. */
inline __attribute__((always_inline)) void finishTile(Tile<F32Lane>& sums, int64_t panel, int64_t column, bool adding,
                                                      bool isLast, const ColumnData& columns, const RankUpdate& update,
                                                      const Target& target) {
  const int64_t offset = column - columns.first;
  const int64_t row = panel * kRows;
  const int64_t rows = std::min<int64_t>(kRows, target.rows - row);
  const int64_t count = std::min<int64_t>(kColumns, target.columns - column);
  float* c = target.data + row * target.columns + column;
  if (isLast && columns.bias) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) {
      const vf bias = load(columns.bias + offset + j * W);
#pragma GCC unroll 14
      for (int i = 0; i < kRows; i++) sums[i][j] += bias;
    }
  }
  if (!isLast || update.rank == 0) return writeTile(sums, c, target.columns, rows, count, adding);

  const uint32_t* left = update.left + panel * leftStride(update.rank);
  const uint32_t* right = columns.right + offset / kColumns * rightStride(update.rank);
  if (!update.mask.any()) {
    addProduct<F32Lane>(update.rank, left, right, sums);
    return writeTile(sums, c, target.columns, rows, count, adding);
  }
  addProduct<F32Lane>(update.rank - update.masked, left + update.masked * kRows, right + update.masked * kColumns,
                      sums);
  writeTile(sums, c, target.columns, rows, count, adding);
  clear<F32Lane>(sums);
  addProduct<F32Lane>(update.masked, left, right, sums);
#pragma GCC unroll 14
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++)
      sums[i][j] *= update.mask.at((row + i) * target.columns + column + j * W);
  writeTile(sums, c, target.columns, rows, count, true);
}

/** The right operand: the weight, its rows as columns of the product (forward) or as the reduction (backward). */
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
              for (int i = 0; i < kRows; i++) sums[i][j] *= scale;
            }
          }
          finishTile(sums, panel, column, block > 0, isLast, columns, update, target);
        });
  }

  void runInt8(const Left<Int8Lane>& left, const QuantizedLeft& quantized) const {
    const int64_t blocks = std::max<int64_t>(1, ceilDiv(lanesOf<Int8Lane>(left.depth), kBlock));
    multiply(
        left, target.columns,
        [&](int64_t column, int64_t count, int64_t k0, int64_t k1, uint32_t* to, int64_t stride) {
          packWeight<Int8Lane, forward>(w, column, count, k0, k1, to, stride);
        },
        [&](int64_t column, int64_t count, int thread) { return prepare(column, count, thread); },
        [&](Tile<Int8Lane>& sums, int64_t panel, int64_t column, int64_t block, bool isLast,
            const ColumnData& columns) {
          Tile<F32Lane> values;
          vf scale[kVectors];
#pragma GCC unroll 2
          for (int j = 0; j < kVectors; j++)
            scale[j] = columns.scale ? load(columns.scale + column - columns.first + j * W) : set(1.0f);
#pragma GCC unroll 14
          for (int i = 0; i < kRows; i++) {
            const int64_t row = panel * kRows + i;
            const int32_t excess = Int8Lane::bias * quantized.sums[row * blocks + block];
#pragma GCC unroll 2
            for (int j = 0; j < kVectors; j++)
              values[i][j] = toFloat(sums[i][j] - excess) * (quantized.scales[row] * scale[j]);
          }
          finishTile(values, panel, column, block > 0, isLast, columns, update, target);
        });
  }
};

/** Packs the left factor of a rank update: the branch's columns [rows, rank], then the outlier columns of x. */
inline const uint32_t* packRankLeft(const float* branch, int64_t branchRank, const float* x, const float* factors,
                                    const int32_t* outliers, int64_t outlierCount, int64_t rows, int64_t columns) {
  const int64_t rank = branchRank + outlierCount;
  const int64_t stride = leftStride(rank);
  const int64_t panels = ceilDiv(rows, kRows);
  auto* packed = static_cast<float*>(scratch(0, slot::branch, panels * stride * 4));
  parallelFor(panels, [&](int64_t panel, int) {
    float* to = packed + panel * stride;
    for (int64_t k = 0; k < rank; k++)
      for (int64_t i = 0; i < kRows; i++) {
        const int64_t row = panel * kRows + i;
        if (row >= rows) {
          to[k * kRows + i] = 0;
        } else if (k < branchRank) {
          to[k * kRows + i] = branch[row * branchRank + k];
        } else {
          const int64_t column = outliers[k - branchRank];
          to[k * kRows + i] = x[row * columns + column] * (factors ? factors[column] : 1.0f);
        }
      }
  });
  return reinterpret_cast<const uint32_t*>(packed);
}

/** What the last forward product packed: layers that read the same x follow each other. */
struct SharedLeft {
  uint64_t id = 0;
  Compute compute = Compute::fp32;
  int64_t rows = 0, depth = 0;
  QuantizedLeft quantized{};
};
inline SharedLeft sharedLeft;

inline void forget() { sharedLeft = {}; }

/** In what a product with `w` is computed when `wanted` is asked for. */
inline Compute computeFor(const Weight& w, Compute wanted) {
  return wanted == Compute::int8 && w.storage != Storage::int8 ? Compute::bf16 : wanted;
}

/** Whether this x is packed already; if not, nothing is, as long as `sharedLeft` does not say so. */
inline bool isShared(uint64_t id, Compute compute, int64_t rows, int64_t depth) {
  const SharedLeft& last = sharedLeft;
  const bool is = id != 0 && last.id == id && last.compute == compute && last.rows == rows && last.depth == depth;
  if (!is) forget();
  return is;
}

template <class Lane>
Left<Lane> packForward(const float* x, uint64_t id, int64_t rows, int64_t depth, Compute compute) {
  const bool isPacked = isShared(id, compute, rows, depth);
  Left<Lane> left(rows, depth, static_cast<uint32_t*>(scratch(0, slot::shared, Left<Lane>::bytes(rows, depth))));
  if (!isPacked) {
    packLeft(left, DenseSource{x, depth});
    sharedLeft = {id, compute, rows, depth, {}};
  }
  return left;
}

inline void linear(const float* x, uint64_t id, int64_t tokens, const Weight& w, Compute wanted, float outlier,
                   const float* bias, const Branch* branch, float* y) {
  if (tokens <= kFewRows) return linearOfFewRows(x, tokens, w, bias, branch, y);
  const Compute compute = computeFor(w, wanted);
  const int64_t in = w.columns;
  LinearProduct<true> product{w, bias, branch ? branch->b : nullptr, branch ? branch->rank : 0, {}, nullptr, 0,
                              {y, tokens, w.rows}};
  const float* down = nullptr;
  if (branch) {
    auto* memory = static_cast<float*>(scratch(0, slot::gradient, tokens * branch->rank * 4));
    skinnyDots(x, tokens, in, Mask(branch->dropout, branch->seed), branch->a, branch->rank, branch->scaling, memory);
    down = memory;
  }
  QuantizedLeft quantized{};
  if (compute == Compute::int8) {
    const bool isPacked = isShared(id, compute, tokens, in);
    Left<Int8Lane> left(tokens, in,
                        static_cast<uint32_t*>(scratch(0, slot::shared, Left<Int8Lane>::bytes(tokens, in))));
    quantized = isPacked ? sharedLeft.quantized : quantizeLeft(x, tokens, in, nullptr, outlier);
    if (!isPacked) {
      packLeft(left, Int8Source{quantized.codes, in});
      sharedLeft = {id, compute, tokens, in, quantized};
    }
    product.outliers = quantized.outliers;
    product.outlierCount = quantized.outlierCount;
  }
  product.update.rank = product.branchRank + product.outlierCount;
  if (product.update.rank > 0)
    product.update.left = packRankLeft(down, product.branchRank, x, nullptr, product.outliers, product.outlierCount,
                                       tokens, in);
  if (compute == Compute::int8) {
    Left<Int8Lane> left(tokens, in,
                        static_cast<uint32_t*>(scratch(0, slot::shared, Left<Int8Lane>::bytes(tokens, in))));
    product.runInt8(left, quantized);
  } else if (compute == Compute::bf16) {
    product.run(packForward<Bf16Lane>(x, id, tokens, in, compute));
  } else {
    product.run(packForward<F32Lane>(x, id, tokens, in, compute));
  }
}

inline void linearInputGradient(const float* dy, int64_t tokens, const Weight& w, Compute wanted, float outlier,
                                const Branch* branch, float* dx) {
  const Compute compute = computeFor(w, wanted);
  const int64_t out = w.rows;
  LinearProduct<false> product{w, nullptr, branch ? branch->a : nullptr, branch ? branch->rank : 0, {}, nullptr, 0,
                               {dx, tokens, w.columns}};
  const float* up = nullptr;
  if (branch) {
    auto* memory = static_cast<float*>(scratch(0, slot::gradient, (tokens + out) * branch->rank * 4));
    float* turned = memory + tokens * branch->rank;
    transpose(branch->b, out, branch->rank, turned);
    skinnyDots(dy, tokens, out, Mask(), turned, branch->rank, branch->scaling, memory);
    product.update.mask = Mask(branch->dropout, branch->seed);
    product.update.masked = branch->rank;
    up = memory;
  }
  // A row of an int8 weight is one step of the reduction: its scale goes to dy.
  const float* factors = w.storage == Storage::int8 ? w.scales : nullptr;
  QuantizedLeft quantized{};
  if (compute == Compute::int8) {
    forget();
    quantized = quantizeLeft(dy, tokens, out, factors, outlier);
    product.outliers = quantized.outliers;
    product.outlierCount = quantized.outlierCount;
  }
  product.update.rank = product.branchRank + product.outlierCount;
  if (product.update.rank > 0)
    product.update.left =
        packRankLeft(up, product.branchRank, dy, factors, product.outliers, product.outlierCount, tokens, out);
  const auto pack = [&]<class Lane>(Lane, const auto& source) {
    Left<Lane> left(tokens, out, static_cast<uint32_t*>(scratch(0, slot::left, Left<Lane>::bytes(tokens, out))));
    packLeft(left, source);
    return left;
  };
  if (compute == Compute::int8) {
    product.runInt8(pack(Int8Lane{}, Int8Source{quantized.codes, out}), quantized);
  } else if (compute == Compute::bf16) {
    product.run(pack(Bf16Lane{}, DenseSource{dy, out, factors}));
  } else {
    product.run(pack(F32Lane{}, DenseSource{dy, out, factors}));
  }
}

inline void branchGradient(const float* x, const float* dy, int64_t tokens, int64_t in, int64_t out,
                           const Branch& branch, float* da, float* db) {
  const int64_t r = branch.rank;
  auto* down = static_cast<float*>(scratch(0, slot::gradient, (2 * tokens + 2 * out) * r * 4));
  float* up = down + tokens * r;
  float* turned = up + tokens * r;
  float* dbTurned = turned + out * r;
  const Mask mask(branch.dropout, branch.seed);
  skinnyDots(x, tokens, in, mask, branch.a, r, branch.scaling, down);
  transpose(branch.b, out, r, turned);
  skinnyDots(dy, tokens, out, Mask(), turned, r, branch.scaling, up);
  skinnyOuter(up, x, tokens, in, mask, r, da);
  skinnyOuter(down, dy, tokens, out, Mask(), r, dbTurned);
  transpose(dbTurned, r, out, db);
}

/** As kernels.hpp says: each operand has a stride of 1 along one dimension. */
inline void product(const Strided& a, const Strided& b, int64_t m, int64_t n, int64_t k, bool adding, float* c) {
  Left<F32Lane> left(m, k, static_cast<uint32_t*>(scratch(0, slot::left, Left<F32Lane>::bytes(m, k))));
  if (a.columnStride == 1) packLeft(left, DenseSource{a.data, a.rowStride});
  else packLeftTransposed(left, DenseSource{a.data, a.columnStride});
  const Target target{c, m, n};
  multiply(
      left, n,
      [&](int64_t column, int64_t count, int64_t k0, int64_t k1, uint32_t* to, int64_t stride) {
        if (b.columnStride == 1) {
          packColumns<F32Lane, kColumns>(DenseSource{b.data, b.rowStride}, k0, k1, column, count, to, stride);
          return;
        }
        for (int64_t i = 0; i < count; i += kColumns)
          packRows<F32Lane, kColumns>(DenseSource{b.data, b.columnStride}, column + i,
                                      std::min<int64_t>(kColumns, count - i), k0, k1, to + i / kColumns * stride);
      },
      [](int64_t, int64_t, int) { return ColumnData(); },
      [&](Tile<F32Lane>& sums, int64_t panel, int64_t column, int64_t block, bool isLast, const ColumnData& columns) {
        finishTile(sums, panel, column, adding || block > 0, isLast, columns, RankUpdate(), target);
      });
}

}  // namespace
}  // namespace evolve
