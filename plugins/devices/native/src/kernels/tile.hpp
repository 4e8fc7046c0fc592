// The microkernel: a tile of sums stays in registers while two panels (panels.hpp) are multiplied. One template serves
// fp32, bf16 and int8; only the dot product of a lane differs. Where the CPU multiplies matrices, amx.hpp does it.
#pragma once
#include "amx.hpp"
#include "panels.hpp"

namespace evolve {
namespace {

/** Packs rows row … row + count − 1 of `source` into one left panel; elements k0 … k1 − 1 are the reduction. */
template <class Lane, class Source>
void packLeftRows(const Source& source, int64_t row, int64_t count, int64_t k0, int64_t k1, uint32_t* to) {
  if constexpr (Lane::step > 1) packMatrixRows<Lane>(source, row, count, k0, k1, to);
  else packRows<Lane, Lane::rows>(source, row, count, k0, k1, to);
}

/** Packs columns column … column + count − 1 into left panels `panelStride` lanes apart; rows are the reduction. */
template <class Lane, class Source>
void packLeftColumns(const Source& source, int64_t k0, int64_t k1, int64_t column, int64_t count, uint32_t* to,
                     int64_t panelStride) {
  if constexpr (Lane::step > 1) packMatrixColumns<Lane>(source, k0, k1, column, count, to, panelStride);
  else packColumns<Lane, Lane::rows>(source, k0, k1, column, count, to, panelStride);
}

/** The sums of Lane::rows × kColumns of a product. */
template <class Lane>
using Tile = typename Lane::Sum[Lane::rows][kVectors];

/** sums += left panel · right panel over `lanes`; of the `stride` rows of the left panel it takes those at `left`. */
template <class Lane, int Rows = Lane::rows>
inline __attribute__((always_inline)) void addProduct(int64_t lanes, const uint32_t* left, const uint32_t* right,
                                                      typename Lane::Sum (&sums)[Rows][kVectors],
                                                      int64_t stride = Rows) {
  for (int64_t lane = 0; lane < lanes; lane++, left += stride, right += kColumns) {
    vu b[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) b[j] = loadLanes(right + j * W);
#pragma GCC unroll 14
    for (int i = 0; i < Rows; i++) {
      const vu a = vu{} + left[i];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; j++) sums[i][j] = Lane::dot(sums[i][j], a, b[j]);
    }
  }
}

template <class Sum, int Rows>
inline __attribute__((always_inline)) void clear(Sum (&sums)[Rows][kVectors]) {
#pragma GCC unroll 14
  for (int i = 0; i < Rows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) sums[i][j] = Sum{};
}

/** sums = left panel · right panel over `lanes`. */
template <class Lane>
inline __attribute__((always_inline)) void multiplyTile(int64_t lanes, const uint32_t* left, const uint32_t* right,
                                                        Tile<Lane>& sums) {
  if constexpr (Lane::step > 1) {
    multiplyMatrices<Lane>(lanes, left, right, sums);
  } else {
    clear(sums);
    addProduct<Lane>(lanes, left, right, sums);
  }
}

/** Writes `rows` × `columns` of a tile; where `adding`, adds to what is there. */
template <int Rows>
inline __attribute__((always_inline)) void writeTile(const vf (&sums)[Rows][kVectors], float* c, int64_t stride,
                                                     int64_t rows, int64_t columns, bool adding) {
  if (rows == Rows && columns == kColumns) {
#pragma GCC unroll 14
    for (int i = 0; i < Rows; i++)
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; j++) {
        float* at = c + i * stride + j * W;
        store(at, adding ? load(at) + sums[i][j] : sums[i][j]);
      }
    return;
  }
  alignas(64) float edge[Rows * kColumns];
#pragma GCC unroll 14
  for (int i = 0; i < Rows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) store(edge + i * kColumns + j * W, sums[i][j]);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      c[i * stride + j] = edge[i * kColumns + j] + (adding ? c[i * stride + j] : 0.0f);
}

/** c [rows, columns] = (where `adding`, +=) left · right on the caller's thread, which holds MatrixRegisters. */
template <class Lane>
void multiplyPanels(int64_t rows, int64_t columns, int64_t lanes, const uint32_t* left, int64_t leftPanel,
                    const uint32_t* right, int64_t rightPanel, float* c, int64_t stride, bool adding) {
  for (int64_t m = 0; m < rows; m += Lane::rows, left += leftPanel) {
    const uint32_t* panel = right;
    for (int64_t n = 0; n < columns; n += kColumns, panel += rightPanel) {
      Tile<Lane> sums;
      multiplyTile<Lane>(lanes, left, panel, sums);
      writeTile(sums, c + m * stride + n, stride, std::min<int64_t>(Lane::rows, rows - m),
                std::min<int64_t>(kColumns, columns - n), adding);
    }
  }
}

}  // namespace
}  // namespace evolve
