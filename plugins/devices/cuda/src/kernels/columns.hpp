// Blocks of columns, and a vector for every row.
#pragma once
#include "../gpu.hpp"

// `width` numbers of each row, from column `from` of rows of `xColumns` to column `to` of rows of `yColumns`.
KERNEL void copyColumns(const void* x, i32 xType, u64 xColumns, u64 from, void* y, i32 yType, u64 yColumns, u64 to, u64 rows,
                        u64 width) {
  for (u64 i = threadIndex(); i < rows * width; i += threadCount()) {
    const u64 row = i / width, column = i % width;
    store(y, yType, row * yColumns + to + column, load(x, xType, row * xColumns + from + column));
  }
}
REGISTER(copyColumns)

// y [rows, columns] = x + row, to every row
KERNEL void addRow(const void* x, i32 xType, const float* row, void* y, i32 yType, u64 rows, u64 columns) {
  for (u64 i = threadIndex(); i < rows * columns; i += threadCount()) {
    store(y, yType, i, load(x, xType, i) + row[i % columns]);
  }
}
REGISTER(addRow)

// partial [gridDim.y, columns]: sums of the rows blockIdx.y, blockIdx.y + gridDim.y, … A thread has a column. Call it again on
// `partial`, with one row of blocks, for the sum of all.
KERNEL void columnSums(const void* x, i32 xType, u64 rows, u64 columns, float* partial) {
  const u64 column = threadIndex();
  if (column >= columns) return;
  float sum = 0;
  for (u64 row = blockIdx.y; row < rows; row += gridDim.y) sum += load(x, xType, row * columns + column);
  partial[blockIdx.y * columns + column] = sum;
}
REGISTER(columnSums)
