// Rows by index.
#pragma once
#include "weights.hpp"

// y [count, columns]: rows of a stored matrix. A block has a row.
KERNEL void embedding(WEIGHT_PARAMETERS, const i32* ids, void* y, i32 yType) {
  const Weight w = WEIGHT_ARGUMENTS;
  const u64 row = ids[blockIdx.x];
  for (u64 column = threadIdx.x; column < w.columns; column += blockDim.x) {
    store(y, yType, blockIdx.x * w.columns + column, element(w, row, column));
  }
}
REGISTER(embedding)

// y [count, columns]: rows of x.
KERNEL void selectRows(const void* x, i32 xType, const i32* indices, void* y, i32 yType, u64 count, u64 columns) {
  for (u64 i = threadIndex(); i < count * columns; i += threadCount()) {
    store(y, yType, i, load(x, xType, indices[i / columns] * columns + i % columns));
  }
}
REGISTER(selectRows)

// dx [rows, columns]: to each row the sum of the rows of dy that came from it, in their order: `order` lists the places in dy,
// those of row r from starts[r] to starts[r + 1].
KERNEL void sumRowsByIndex(const void* dy, i32 dyType, const i32* order, const i32* starts, float* dx, u64 rows, u64 columns) {
  for (u64 i = threadIndex(); i < rows * columns; i += threadCount()) {
    const u64 row = i / columns, column = i % columns;
    float sum = 0;
    for (i32 at = starts[row]; at < starts[row + 1]; at++) sum += load(dy, dyType, order[at] * columns + column);
    dx[i] = sum;
  }
}
REGISTER(sumRowsByIndex)
