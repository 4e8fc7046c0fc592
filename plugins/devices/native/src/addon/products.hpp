// Products: the linear layer with its low-rank branch, and the product of any matrices.
#pragma once

#include "arguments.hpp"
#include "device.hpp"

namespace evolve {

/** (x, id, tokens, weight, compute, outlier, bias, y, branch…) */
inline napi_value linear(const Args& args) {
  const int64_t tokens = args.integer(2);
  const Weight& w = args.weight(3);
  Branch branch;
  const bool hasBranch = args.branch(8, w.columns, w.rows, branch);
  kernels->linear(args.floats(0, tokens * w.columns), static_cast<uint64_t>(args.integer(1)), tokens, w,
                  args.compute(4), static_cast<float>(args.number(5)), args.floatsOrNull(6, w.rows),
                  hasBranch ? &branch : nullptr, args.floats(7, tokens * w.rows));
  return nullptr;
}

/** (dy, tokens, weight, compute, outlier, dx, branch…) */
inline napi_value linearInputGradient(const Args& args) {
  const int64_t tokens = args.integer(1);
  const Weight& w = args.weight(2);
  Branch branch;
  const bool hasBranch = args.branch(6, w.columns, w.rows, branch);
  kernels->linearInputGradient(args.floats(0, tokens * w.rows), tokens, w, args.compute(3),
                               static_cast<float>(args.number(4)), hasBranch ? &branch : nullptr,
                               args.floats(5, tokens * w.columns));
  return nullptr;
}

/** (x, dy, tokens, in, out, da, db, branch…) */
inline napi_value branchGradient(const Args& args) {
  const int64_t tokens = args.integer(2), in = args.integer(3), out = args.integer(4);
  Branch branch;
  if (!args.branch(7, in, out, branch)) args.fail(7, "must be a branch");
  kernels->branchGradient(args.floats(0, tokens * in), args.floats(1, tokens * out), tokens, in, out, branch,
                          args.floats(5, branch.rank * in), args.floats(6, out * branch.rank));
  return nullptr;
}

/** (a, aOffset, transposeA, b, bOffset, transposeB, m, n, k, c, cOffset): one product, at offsets into the arrays */
inline napi_value product(const Args& args) {
  const int64_t m = args.integer(6), n = args.integer(7), k = args.integer(8);
  const int64_t aOffset = args.integer(1), bOffset = args.integer(4), cOffset = args.integer(10);
  const float* a = args.floats(0, aOffset + m * k) + aOffset;
  const float* b = args.floats(3, bOffset + k * n) + bOffset;
  const bool turnedA = args.integer(2) != 0, turnedB = args.integer(5) != 0;
  kernels->product(turnedA ? Strided{a, 1, m} : Strided{a, k, 1}, turnedB ? Strided{b, 1, k} : Strided{b, n, 1}, m, n,
                   k, false, args.floats(9, cOffset + m * n) + cOffset);
  return nullptr;
}

}  // namespace evolve
