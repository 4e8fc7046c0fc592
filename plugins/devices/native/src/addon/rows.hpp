// What is done row by row: the embedding, rotary positions, parts and sums of columns.
#pragma once

#include "arguments.hpp"
#include "device.hpp"

namespace evolve {

/** (ids, count, weight, y) */
inline napi_value embedding(const Args& args) {
  const int64_t count = args.integer(1);
  const Weight& w = args.weight(2);
  const int32_t* ids = args.integers(0, count);
  for (int64_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= w.rows) args.fail(0, "holds an id outside the vocabulary");
  kernels->embedding(ids, count, w, args.floats(3, count * w.columns));
  return nullptr;
}

/** (x, cos, sin, tokens, heads, headDim, parts, sign, y) */
inline napi_value rotary(const Args& args) {
  const int64_t tokens = args.integer(3), heads = args.integer(4), headDim = args.integer(5);
  const int64_t size = tokens * heads * headDim, angles = tokens * headDim / 2;
  kernels->rotary(args.floats(0, size), args.floats(1, angles), args.floats(2, angles), tokens, heads, headDim,
                  args.integer(6), static_cast<float>(args.number(7)), args.floats(8, size));
  return nullptr;
}

/** (x, xColumns, xAt, rows, width, y, yColumns, yAt): columns xAt … of x become columns yAt … of y */
inline napi_value copyColumns(const Args& args) {
  const int64_t xColumns = args.integer(1), xAt = args.integer(2), rows = args.integer(3), width = args.integer(4);
  const int64_t yColumns = args.integer(6), yAt = args.integer(7);
  if (xAt < 0 || width < 0 || xAt + width > xColumns) args.fail(2, "is outside the columns");
  if (yAt < 0 || yAt + width > yColumns) args.fail(7, "is outside the columns");
  kernels->copyColumns(args.floats(0, rows * xColumns) + xAt, xColumns, rows, width,
                       args.floats(5, rows * yColumns) + yAt, yColumns);
  return nullptr;
}

/** (x, row, rows, columns, y) */
inline napi_value addRow(const Args& args) {
  const int64_t rows = args.integer(2), columns = args.integer(3);
  kernels->addRow(args.floats(0, rows * columns), args.floats(1, columns), rows, columns,
                  args.floats(4, rows * columns));
  return nullptr;
}

/** (x, rows, columns, y) */
inline napi_value columnSums(const Args& args) {
  const int64_t rows = args.integer(1), columns = args.integer(2);
  kernels->columnSums(args.floats(0, rows * columns), rows, columns, args.floats(3, columns));
  return nullptr;
}

}  // namespace evolve
