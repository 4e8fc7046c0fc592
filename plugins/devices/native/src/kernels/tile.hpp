// The microkernel: a tile of sums stays in registers while two panels (panels.hpp) are multiplied. One template serves
// fp32, bf16 and int8; only the dot product of a lane differs.
#pragma once
#include "panels.hpp"

namespace evolve {
namespace {

/** The sums of kRows × kColumns of a product. */
template <class Lane>
using Tile = typename Lane::Sum[kRows][kVectors];

/** sums += left panel · right panel over `lanes`. */
template <class Lane>
inline __attribute__((always_inline)) void addProduct(int64_t lanes, const uint32_t* left, const uint32_t* right,
                                                      Tile<Lane>& sums) {
  for (int64_t lane = 0; lane < lanes; lane++, left += kRows, right += kColumns) {
    vu b[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) b[j] = loadLanes(right + j * W);
#pragma GCC unroll 14
    for (int i = 0; i < kRows; i++) {
      const vu a = vu{} + left[i];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; j++) sums[i][j] = Lane::dot(sums[i][j], a, b[j]);
    }
  }
}

template <class Lane>
inline __attribute__((always_inline)) void clear(Tile<Lane>& sums) {
#pragma GCC unroll 14
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) sums[i][j] = typename Lane::Sum{};
}

/** Writes `rows` × `columns` of a tile; where `adding`, adds to what is there. */
inline __attribute__((always_inline)) void writeTile(const vf (&sums)[kRows][kVectors], float* c, int64_t stride,
                                                     int64_t rows, int64_t columns, bool adding) {
  if (rows == kRows && columns == kColumns) {
#pragma GCC unroll 14
    for (int i = 0; i < kRows; i++)
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; j++) {
        float* at = c + i * stride + j * W;
        store(at, adding ? load(at) + sums[i][j] : sums[i][j]);
      }
    return;
  }
  alignas(64) float edge[kRows * kColumns];
#pragma GCC unroll 14
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) store(edge + i * kColumns + j * W, sums[i][j]);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      c[i * stride + j] = edge[i * kColumns + j] + (adding ? c[i * stride + j] : 0.0f);
}

/** c [rows, columns] = (where `adding`, +=) left · right on the caller's thread, which has packed both. */
template <class Lane>
void multiplyPanels(int64_t rows, int64_t columns, int64_t lanes, const uint32_t* left, int64_t leftPanel,
                    const uint32_t* right, int64_t rightPanel, float* c, int64_t stride, bool adding) {
  for (int64_t m = 0; m < rows; m += kRows, left += leftPanel) {
    const uint32_t* panel = right;
    for (int64_t n = 0; n < columns; n += kColumns, panel += rightPanel) {
      Tile<Lane> sums;
      clear<Lane>(sums);
      addProduct<Lane>(lanes, left, panel, sums);
      writeTile(sums, c + m * stride + n, stride, std::min<int64_t>(kRows, rows - m),
                std::min<int64_t>(kColumns, columns - n), adding);
    }
  }
}

}  // namespace
}  // namespace evolve
