// The norms with their gradients.
#pragma once

#include "arguments.hpp"
#include "device.hpp"

namespace evolve {

/** (x, weight, rows, columns, epsilon, y) */
inline napi_value rmsNorm(const Args& args) {
  const int64_t rows = args.integer(2), columns = args.integer(3);
  kernels->rmsNorm(args.floats(0, rows * columns), args.floats(1, columns), rows, columns,
                   static_cast<float>(args.number(4)), args.floats(5, rows * columns));
  return nullptr;
}

/** (x, weight, dy, rows, columns, epsilon, dx, dweight or null) */
inline napi_value rmsNormGradient(const Args& args) {
  const int64_t rows = args.integer(3), columns = args.integer(4);
  kernels->rmsNormGradient(args.floats(0, rows * columns), args.floats(1, columns), args.floats(2, rows * columns),
                           rows, columns, static_cast<float>(args.number(5)), args.floats(6, rows * columns),
                           args.floatsOrNull(7, columns));
  return nullptr;
}

/** (x, weight, bias, rows, columns, epsilon, y) */
inline napi_value layerNorm(const Args& args) {
  const int64_t rows = args.integer(3), columns = args.integer(4);
  kernels->layerNorm(args.floats(0, rows * columns), args.floats(1, columns), args.floats(2, columns), rows, columns,
                     static_cast<float>(args.number(5)), args.floats(6, rows * columns));
  return nullptr;
}

/** (x, weight, dy, rows, columns, epsilon, dx, dweight or null, dbias or null) */
inline napi_value layerNormGradient(const Args& args) {
  const int64_t rows = args.integer(3), columns = args.integer(4);
  kernels->layerNormGradient(args.floats(0, rows * columns), args.floats(1, columns), args.floats(2, rows * columns),
                             rows, columns, static_cast<float>(args.number(5)), args.floats(6, rows * columns),
                             args.floatsOrNull(7, columns), args.floatsOrNull(8, columns));
  return nullptr;
}

}  // namespace evolve
