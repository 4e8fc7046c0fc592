// The product of any two fp32 matrices, both read through strides.
#pragma once
#include "epilogue.hpp"

namespace evolve {
namespace {

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
