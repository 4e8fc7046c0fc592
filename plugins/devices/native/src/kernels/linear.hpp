// The linear layer on a frozen weight with its low-rank branch: forward, and the gradients of x and of the branch. The
// weight is stored once, row-major, for both directions.
#pragma once
#include "few-rows.hpp"
#include "linear-product.hpp"
#include "skinny.hpp"

namespace evolve {
namespace {

/** What the last forward product packed. Layers that read the same x follow each other, and pack it once. */
struct SharedLeft {
  uint64_t id = 0;
  Compute compute = Compute::fp32;
  int64_t rows = 0, depth = 0;
  QuantizedLeft quantized{};
};
inline SharedLeft sharedLeft;

inline void forget() { sharedLeft = {}; }

/** The arithmetic of a product with `w` where `wanted` is asked for: int8 needs an int8 weight. */
inline Compute computeFor(const Weight& w, Compute wanted) {
  return wanted == Compute::int8 && w.storage != Storage::int8 ? Compute::bf16 : wanted;
}

/** Whether this x is packed already; if not, forgets what is packed, since its memory is written next. */
inline bool isShared(uint64_t id, Compute compute, int64_t rows, int64_t depth) {
  const SharedLeft& last = sharedLeft;
  const bool is = id != 0 && last.id == id && last.compute == compute && last.rows == rows && last.depth == depth;
  if (!is) forget();
  return is;
}

/** x as a packed left operand, packed only where it is not yet. */
template <class Lane>
Left<Lane> packForward(const float* x, uint64_t id, int64_t rows, int64_t depth, Compute compute) {
  const bool isPacked = isShared(id, compute, rows, depth);
  Left<Lane> left(rows, depth, static_cast<uint32_t*>(scratch(0, slot::shared, Left<Lane>::bytes(rows, depth))));
  if (!isPacked) {
    packLeft(left, DenseSource{x, depth});
    sharedLeft = {id, compute, rows, depth, {}};
  }
  return left;
}

inline void linear(const float* x, uint64_t id, int64_t tokens, const Weight& w, Compute wanted, float outlier,
                   const float* bias, const Branch* branch, float* y) {
  if (tokens <= kFewRows) return linearOfFewRows(x, tokens, w, bias, branch, y);
  const Compute compute = computeFor(w, wanted);
  const int64_t in = w.columns;
  LinearProduct<true> product{w, bias, branch ? branch->b : nullptr, branch ? branch->rank : 0, {}, nullptr, 0,
                              {y, tokens, w.rows}};
  const float* down = nullptr;
  if (branch) {
    auto* memory = static_cast<float*>(scratch(0, slot::gradient, tokens * branch->rank * 4));
    skinnyDots(x, tokens, in, Mask(branch->dropout, branch->seed), branch->a, branch->rank, branch->scaling, memory);
    down = memory;
  }
  if (compute == Compute::int8) {
    const bool isPacked = isShared(id, compute, tokens, in);
    Left<Int8Lane> left(tokens, in,
                        static_cast<uint32_t*>(scratch(0, slot::shared, Left<Int8Lane>::bytes(tokens, in))));
    const QuantizedLeft quantized = isPacked ? sharedLeft.quantized : measureLeft(x, tokens, in, nullptr, outlier);
    const RankLeft ranks = product.takeOutliers<Int8Lane>(quantized, down, x, nullptr);
    if (isPacked) {
      ranks.packAll();
    } else {
      packQuantized(left, x, quantized, [&](int64_t panel) { ranks.packPanel(panel); });
      sharedLeft = {id, compute, tokens, in, quantized};
    }
    product.runInt8(left, quantized);
    return;
  }
  const auto run = [&]<class Lane>(Lane) {
    product.takeOutliers<Lane>(QuantizedLeft{}, down, x, nullptr).packAll();
    product.run(packForward<Lane>(x, id, tokens, in, compute));
  };
  if (compute == Compute::bf16) run(Bf16Lane{});
  else run(F32Lane{});
}

inline void linearInputGradient(const float* dy, int64_t tokens, const Weight& w, Compute wanted, float outlier,
                                const Branch* branch, float* dx) {
  const Compute compute = computeFor(w, wanted);
  const int64_t out = w.rows;
  LinearProduct<false> product{w, nullptr, branch ? branch->a : nullptr, branch ? branch->rank : 0, {}, nullptr, 0,
                               {dx, tokens, w.columns}};
  const float* up = nullptr;
  if (branch) {
    auto* memory = static_cast<float*>(scratch(0, slot::gradient, (tokens + out) * branch->rank * 4));
    float* turned = memory + tokens * branch->rank;
    transpose(branch->b, out, branch->rank, turned);
    skinnyDots(dy, tokens, out, Mask(), turned, branch->rank, branch->scaling, memory);
    product.update.mask = Mask(branch->dropout, branch->seed);
    product.update.masked = branch->rank;
    up = memory;
  }
  // A row of an int8 weight is one step of the reduction, so its scale goes to dy.
  const float* factors = w.storage == Storage::int8 ? w.scales : nullptr;
  const auto take = [&]<class Lane>(Lane) {
    return Left<Lane>(tokens, out, static_cast<uint32_t*>(scratch(0, slot::left, Left<Lane>::bytes(tokens, out))));
  };
  if (compute == Compute::int8) {
    forget();
    const QuantizedLeft quantized = measureLeft(dy, tokens, out, factors, outlier);
    const RankLeft ranks = product.takeOutliers<Int8Lane>(quantized, up, dy, factors);
    const auto left = take(Int8Lane{});
    packQuantized(left, dy, quantized, [&](int64_t panel) { ranks.packPanel(panel); });
    product.runInt8(left, quantized);
    return;
  }
  const auto run = [&]<class Lane>(Lane lane) {
    product.takeOutliers<Lane>(QuantizedLeft{}, up, dy, factors).packAll();
    const auto left = take(lane);
    packLeft(left, DenseSource{dy, out, factors});
    product.run(left);
  };
  if (compute == Compute::bf16) run(Bf16Lane{});
  else run(F32Lane{});
}

inline void branchGradient(const float* x, const float* dy, int64_t tokens, int64_t in, int64_t out,
                           const Branch& branch, float* da, float* db) {
  const int64_t r = branch.rank;
  auto* down = static_cast<float*>(scratch(0, slot::gradient, (2 * tokens + 2 * out) * r * 4));
  float* up = down + tokens * r;
  float* turned = up + tokens * r;
  float* dbTurned = turned + out * r;
  const Mask mask(branch.dropout, branch.seed);
  skinnyDots(x, tokens, in, mask, branch.a, r, branch.scaling, down);
  transpose(branch.b, out, r, turned);
  skinnyDots(dy, tokens, out, Mask(), turned, r, branch.scaling, up);
  skinnyOuter(up, x, tokens, in, mask, r, da);
  skinnyOuter(down, dy, tokens, out, Mask(), r, dbTurned);
  transpose(dbTurned, r, out, db);
}

}  // namespace
}  // namespace evolve
