// What is done to the columns of a matrix: parts of rows are copied, one row is added to all, columns are summed.
#pragma once
#include "elements.hpp"

namespace evolve {
namespace {

/** Calls body(start, end) for pieces of the rows, of about kPiece numbers each, on all threads. */
template <class Body>
void inRows(int64_t rows, int64_t columns, Body&& body) {
  const int64_t piece = std::max<int64_t>(1, kPiece / std::max<int64_t>(1, columns));
  parallelFor((rows + piece - 1) / piece, kTouch * rows * columns,
              [&](int64_t task, int) { body(task * piece, std::min(rows, (task + 1) * piece)); });
}

inline void copyColumns(const float* x, int64_t xColumns, int64_t rows, int64_t width, float* y, int64_t yColumns) {
  inRows(rows, width, [&](int64_t start, int64_t end) {
    for (int64_t row = start; row < end; row++)
      std::copy(x + row * xColumns, x + row * xColumns + width, y + row * yColumns);
  });
}

inline void addRow(const float* x, const float* row, int64_t rows, int64_t columns, float* y) {
  inRows(rows, columns, [&](int64_t start, int64_t end) {
    for (int64_t i = start; i < end; i++)
      for (int64_t j = 0; j < columns; j++) y[i * columns + j] = x[i * columns + j] + row[j];
  });
}

/** Each task takes whole columns, so that sums do not depend on the number of threads. */
inline void columnSums(const float* x, int64_t rows, int64_t columns, float* y) {
  constexpr int64_t kColumnsOfTask = 64;
  parallelFor((columns + kColumnsOfTask - 1) / kColumnsOfTask, kTouch * rows * columns, [&](int64_t task, int) {
    const int64_t start = task * kColumnsOfTask, count = std::min(columns - start, kColumnsOfTask);
    float sums[kColumnsOfTask] = {};
    for (int64_t row = 0; row < rows; row++)
      for (int64_t j = 0; j < count; j++) sums[j] += x[row * columns + start + j];
    std::copy(sums, sums + count, y + start);
  });
}

}  // namespace
}  // namespace evolve
