// What is done number by number: gates, dropout, sums, the optimizer's update.
#pragma once

#include <cmath>

#include "arguments.hpp"
#include "device.hpp"

namespace evolve {

/** (a, b, size, y): a kernel that makes each number of one of a and one of b. */
inline napi_value pairwise(const Args& args, void (*kernel)(const float* a, const float* b, int64_t size, float* y)) {
  const int64_t size = args.integer(2);
  kernel(args.floats(0, size), args.floats(1, size), size, args.floats(3, size));
  return nullptr;
}

/** (gate, up, size, y) */
inline napi_value swiglu(const Args& args) { return pairwise(args, kernels->swiglu); }

/** (gate, up, dy, size, dgate, dup) */
inline napi_value swigluGradient(const Args& args) {
  const int64_t size = args.integer(3);
  kernels->swigluGradient(args.floats(0, size), args.floats(1, size), args.floats(2, size), size,
                          args.floats(4, size), args.floats(5, size));
  return nullptr;
}

/** (x, size, y) */
inline napi_value gelu(const Args& args) {
  const int64_t size = args.integer(1);
  kernels->gelu(args.floats(0, size), size, args.floats(2, size));
  return nullptr;
}

/** (x, dy, size, dx) */
inline napi_value geluGradient(const Args& args) { return pairwise(args, kernels->geluGradient); }

/** (x, size, rate, seed, y) */
inline napi_value dropout(const Args& args) {
  const int64_t size = args.integer(1);
  kernels->dropout(args.floats(0, size), size, args.number(2), static_cast<uint32_t>(args.integer(3)),
                   args.floats(4, size));
  return nullptr;
}

/** (a, b, size, y) */
inline napi_value add(const Args& args) { return pairwise(args, kernels->add); }

/** (x, size, factor, y) */
inline napi_value scale(const Args& args) {
  const int64_t size = args.integer(1);
  kernels->scale(args.floats(0, size), size, static_cast<float>(args.number(2)), args.floats(3, size));
  return nullptr;
}

/** (x, size) -> the sum of squares */
inline napi_value sumOfSquares(const Args& args) {
  const int64_t size = args.integer(1);
  return toValue(args.env, kernels->sumOfSquares(args.floats(0, size), size));
}

/** (value, gradient, mean, square, size, learningRate, beta1, beta2, epsilon, weightDecay, gradientScale, step, value, mean, square) */
inline napi_value adamw(const Args& args) {
  const int64_t size = args.integer(4);
  const auto number = [&](int i) { return args.number(i); };
  const double step = args.number(11);
  const AdamW options{number(5), number(6), number(7), number(8), number(9), number(10),
                      1 - std::pow(args.number(6), step), 1 - std::pow(args.number(7), step)};
  kernels->adamw(args.floats(0, size), args.floats(1, size), args.floats(2, size), args.floats(3, size), size, options,
                 args.floats(12, size), args.floats(13, size), args.floats(14, size));
  return nullptr;
}

}  // namespace evolve
