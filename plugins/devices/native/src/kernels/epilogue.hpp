// The end of a product: what happens to a tile while it is still in registers, before it is written. Bias, and in fp32
// the low-rank branch and the outlier columns of int8; linear-product.hpp and product.hpp use it.
#pragma once
#include "gemm.hpp"
#include "mask.hpp"

namespace evolve {
namespace {

/** A product that is added in fp32: left [rows, rank] · right [rank, columns]. */
struct RankUpdate {
  int64_t rank = 0;
  /** Packed by RankLeft. */
  const uint32_t* left = nullptr;
  /** The first `masked` of the rank, the branch, go through the mask; the outlier columns do not. */
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

/** Copies `count` numbers, with zeros up to a whole tile, to `memory`, and moves that behind the copy. */
inline const float* padded(const float* values, int64_t count, float*& memory) {
  const int64_t size = ceilDiv(count, kColumns) * kColumns;
  float* to = memory;
  memory += size;
  std::memcpy(to, values, static_cast<size_t>(count) * 4);
  std::fill(to + count, to + size, 0.0f);
  return to;
}

/** sums += left · right over `rank` lanes of fp32; more rows than the registers hold are taken in parts. */
template <int Rows>
inline __attribute__((always_inline)) void addRanks(int64_t rank, const uint32_t* left, const uint32_t* right,
                                                    vf (&sums)[Rows][kVectors]) {
  if constexpr (Rows <= kRegisterRows) {
    addProduct<F32Lane, Rows>(rank, left, right, sums);
  } else {
    constexpr int kPart = 8;
    static_assert(Rows % kPart == 0);
    for (int first = 0; first < Rows; first += kPart) {
      vf part[kPart][kVectors];
#pragma GCC unroll 8
      for (int i = 0; i < kPart; i++)
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; j++) part[i][j] = sums[first + i][j];
      addProduct<F32Lane, kPart>(rank, left + first, right, part, Rows);
#pragma GCC unroll 8
      for (int i = 0; i < kPart; i++)
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; j++) sums[first + i][j] = part[i][j];
    }
  }
}

/** Finishes a tile: adds bias and rank update after the last block of the reduction, and writes it. */
template <int Rows>
inline __attribute__((always_inline)) void finishTile(vf (&sums)[Rows][kVectors], int64_t panel, int64_t column,
                                                      bool adding, bool isLast, const ColumnData& columns,
                                                      const RankUpdate& update, const Target& target) {
  const int64_t offset = column - columns.first;
  const int64_t row = panel * Rows;
  const int64_t rows = std::min<int64_t>(Rows, target.rows - row);
  const int64_t count = std::min<int64_t>(kColumns, target.columns - column);
  float* c = target.data + row * target.columns + column;
  if (isLast && columns.bias) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) {
      const vf bias = load(columns.bias + offset + j * W);
#pragma GCC unroll 14
      for (int i = 0; i < Rows; i++) sums[i][j] += bias;
    }
  }
  if (!isLast || update.rank == 0) return writeTile(sums, c, target.columns, rows, count, adding);

  const uint32_t* left = update.left + panel * leftStride(update.rank, Rows);
  const uint32_t* right = columns.right + offset / kColumns * rightStride(update.rank);
  if (!update.mask.any()) {
    addRanks(update.rank, left, right, sums);
    return writeTile(sums, c, target.columns, rows, count, adding);
  }
  addRanks(update.rank - update.masked, left + update.masked * Rows, right + update.masked * kColumns, sums);
  writeTile(sums, c, target.columns, rows, count, adding);
  clear(sums);
  addRanks(update.masked, left, right, sums);
#pragma GCC unroll 14
  for (int i = 0; i < Rows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++)
      sums[i][j] *= update.mask.at((row + i) * target.columns + column + j * W);
  writeTile(sums, c, target.columns, rows, count, true);
}

/** The left factor of a rank update: the branch's columns [rows, rank], then the outlier columns of x [rows, columns]. */
struct RankLeft {
  const float* branch;
  int64_t branchRank;
  const float* x;
  const float* factors;
  const int32_t* outliers;
  int64_t outlierCount, rows, columns;
  /** Rows of a panel, as the product's lane has them. */
  int64_t panelRows;
  float* packed = nullptr;

  int64_t rank() const { return branchRank + outlierCount; }
  int64_t panels() const { return ceilDiv(rows, panelRows); }
  int64_t stride() const { return leftStride(rank(), panelRows); }

  /** Takes memory for it; packPanel then fills it. Null where the rank is 0. */
  const uint32_t* take() {
    if (rank() == 0) return nullptr;
    packed = static_cast<float*>(scratch(0, slot::branch, panels() * stride() * 4));
    return reinterpret_cast<const uint32_t*>(packed);
  }

  void packPanel(int64_t panel) const {
    if (rank() == 0) return;
    float* to = packed + panel * stride();
    for (int64_t k = 0; k < rank(); k++)
      for (int64_t i = 0; i < panelRows; i++) {
        const int64_t row = panel * panelRows + i;
        if (row >= rows) {
          to[k * panelRows + i] = 0;
        } else if (k < branchRank) {
          to[k * panelRows + i] = branch[row * branchRank + k];
        } else {
          const int64_t column = outliers[k - branchRank];
          to[k * panelRows + i] = x[row * columns + column] * (factors ? factors[column] : 1.0f);
        }
      }
  }

  void packAll() const {
    if (rank() > 0) parallelFor(panels(), kTouch * rows * rank(), [&](int64_t panel, int) { packPanel(panel); });
  }
};

}  // namespace
}  // namespace evolve
