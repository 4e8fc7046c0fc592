// Attention with its gradient, and attention to a cache.
#pragma once

#include <string>
#include <vector>

#include "arguments.hpp"
#include "device.hpp"

namespace evolve {

/** The shape from argument i: tokens, heads, kvHeads, headDim, scale, compute, offsets, prefixes, slopes */
inline AttentionShape attentionShape(const Args& args, int i, int64_t sequences) {
  AttentionShape shape{};
  shape.tokens = args.integer(i);
  shape.heads = args.integer(i + 1);
  shape.kvHeads = args.integer(i + 2);
  shape.headDim = args.integer(i + 3);
  shape.scale = static_cast<float>(args.number(i + 4));
  shape.compute = args.compute(i + 5);
  shape.sequences = sequences;
  shape.offsets = args.integers(i + 6, sequences + 1);
  shape.prefixes = args.isNull(i + 7) ? nullptr : args.integers(i + 7, sequences);
  shape.slopes = args.floatsOrNull(i + 8, shape.heads);
  return shape;
}

/** (q, k, v, y, logSums, sequences, shape…) */
inline napi_value attention(const Args& args) {
  const AttentionShape s = attentionShape(args, 6, args.integer(5));
  const int64_t q = s.tokens * s.heads * s.headDim, kv = s.tokens * s.kvHeads * s.headDim;
  kernels->attention(args.floats(0, q), args.floats(1, kv), args.floats(2, kv), s, args.floats(3, q),
                     args.floats(4, s.heads * s.tokens));
  return nullptr;
}

/** (q, k, v, y, dy, logSums, dq, dk, dv, sequences, shape…) */
inline napi_value attentionGradient(const Args& args) {
  const AttentionShape s = attentionShape(args, 10, args.integer(9));
  const int64_t q = s.tokens * s.heads * s.headDim, kv = s.tokens * s.kvHeads * s.headDim;
  kernels->attentionGradient(args.floats(0, q), args.floats(1, kv), args.floats(2, kv), args.floats(3, q),
                             args.floats(4, q), args.floats(5, s.heads * s.tokens), s, args.floats(6, q),
                             args.floats(7, kv), args.floats(8, kv));
  return nullptr;
}

/** (q, k, v, y or null, pasts, blocks, starts, slabs, slabBlocks, blockTokens, sequences, shape…) */
inline napi_value cachedAttention(const Args& args) {
  const int64_t sequences = args.integer(10);
  const AttentionShape s = attentionShape(args, 11, sequences);
  const int64_t q = s.tokens * s.heads * s.headDim, kv = s.tokens * s.kvHeads * s.headDim;
  const int64_t slabBlocks = args.integer(8), blockTokens = args.integer(9);
  if (blockTokens != kBlockTokens) args.fail(9, "must be " + std::to_string(kBlockTokens));
  const std::vector<float*> slabs = args.floatsList(7, slabBlocks * blockTokens * 2 * s.kvHeads * s.headDim);
  const int32_t* starts = args.integers(6, sequences + 1);
  const int32_t* blocks = args.integers(5, starts[sequences]);
  const int32_t* pasts = args.integers(4, sequences);
  for (int64_t i = 0; i < sequences; i++) {
    const int64_t needed = (pasts[i] + s.offsets[i + 1] - s.offsets[i] + blockTokens - 1) / blockTokens;
    if (starts[i + 1] - starts[i] < needed) args.fail(5, "has too few blocks for a sequence");
  }
  for (int32_t i = 0; i < starts[sequences]; i++)
    if (blocks[i] < 0 || blocks[i] >= slabBlocks * static_cast<int64_t>(slabs.size()))
      args.fail(5, "holds a block that is in no slab");
  kernels->cachedAttention(args.floats(0, q), args.floats(1, kv), args.floats(2, kv), s,
                           CacheView{pasts, blocks, starts, slabs.data(), slabBlocks}, args.floatsOrNull(3, q));
  return nullptr;
}

}  // namespace evolve
