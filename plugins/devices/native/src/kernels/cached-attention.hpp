// Attention of few queries to keys and values that lie in the blocks of a cache (PagedAttention, arXiv 2309.06180).
// It computes in fp32, because its time goes into reading the cache. core/generation/paged-layer.ts has the layout of a
// block.
#pragma once
#include "../threads.hpp"
#include "attention-scores.hpp"

namespace evolve {
namespace {

static_assert(kBlockTokens % W == 0);

/** Keys [headDim, kBlockTokens] and values [kBlockTokens, headDim] of one head in one block. */
struct HeadBlock {
  float* keys;
  float* values;
};

inline HeadBlock headBlock(const AttentionShape& shape, const CacheView& cache, int64_t sequence, int64_t block,
                           int64_t kvHead) {
  const int64_t headSize = shape.headDim * kBlockTokens;
  const int64_t id = cache.blocks[cache.starts[sequence] + block];
  float* memory = cache.slabs[id / cache.slabBlocks] + id % cache.slabBlocks * 2 * shape.kvHeads * headSize;
  return {memory + kvHead * headSize, memory + (shape.kvHeads + kvHead) * headSize};
}

/** Puts the new tokens' keys and values in their places. */
inline void writeToCache(const float* k, const float* v, const AttentionShape& shape, const CacheView& cache) {
  const int64_t dim = shape.headDim;
  const auto write = [&](int64_t task, int) {
    const int64_t sequence = task / shape.kvHeads;
    const int64_t head = task % shape.kvHeads;
    for (int64_t token = shape.offsets[sequence]; token < shape.offsets[sequence + 1]; token++) {
      const int64_t position = cache.pasts[sequence] + token - shape.offsets[sequence];
      const auto [keys, values] = headBlock(shape, cache, sequence, position / kBlockTokens, head);
      const int64_t place = position % kBlockTokens;
      const int64_t from = (token * shape.kvHeads + head) * dim;
      for (int64_t i = 0; i < dim; i++) keys[i * kBlockTokens + place] = k[from + i];
      std::memcpy(values + place * dim, v + from, static_cast<size_t>(dim) * 4);
    }
  };
  const int64_t tasks = shape.sequences * shape.kvHeads;
  parallelFor(tasks, kTouch * shape.tokens * shape.kvHeads * dim, write);
}

/** scores[0 … kBlockTokens − 1] = q · each key of the block. */
inline void blockScores(const float* q, const float* keys, int64_t dim, float* scores) {
  constexpr int kParts = 2;
  constexpr int kVectorsABlock = kBlockTokens / W;
  vf sums[kParts][kVectorsABlock] = {};
  int64_t i = 0;
  for (; i + kParts <= dim; i += kParts)
#pragma GCC unroll 2
    for (int part = 0; part < kParts; part++)
#pragma GCC unroll 8
      for (int j = 0; j < kVectorsABlock; j++)
        sums[part][j] += q[i + part] * load(keys + (i + part) * kBlockTokens + j * W);
  for (; i < dim; i++)
    for (int j = 0; j < kVectorsABlock; j++) sums[0][j] += q[i] * load(keys + i * kBlockTokens + j * W);
  for (int j = 0; j < kVectorsABlock; j++) store(scores + j * W, sums[0][j] + sums[1][j]);
}

/** y[0 … count − 1] += Σ weights[t] · values[t], for count numbers from column `at` of a head on. */
inline void addBlockValues(const float* weights, const float* values, int64_t tokens, int64_t dim, float* y) {
  constexpr int64_t kVectorsAtOnce = 4;
  int64_t at = 0;
  for (; at + kVectorsAtOnce * W <= dim; at += kVectorsAtOnce * W) {
    vf sums[kVectorsAtOnce];
    for (int j = 0; j < kVectorsAtOnce; j++) sums[j] = load(y + at + j * W);
    for (int64_t t = 0; t < tokens; t++)
#pragma GCC unroll 4
      for (int j = 0; j < kVectorsAtOnce; j++) sums[j] += weights[t] * load(values + t * dim + at + j * W);
    for (int j = 0; j < kVectorsAtOnce; j++) store(y + at + j * W, sums[j]);
  }
  for (; at + W <= dim; at += W) {
    vf sums = load(y + at);
    for (int64_t t = 0; t < tokens; t++) sums += weights[t] * load(values + t * dim + at);
    store(y + at, sums);
  }
  for (; at < dim; at++)
    for (int64_t t = 0; t < tokens; t++) y[at] += weights[t] * values[t * dim + at];
}

/** Attends to all that is cached, new tokens included; one task is one head of one sequence. */
inline void attendToCache(const float* q, const AttentionShape& shape, const CacheView& cache, float* y) {
  const int64_t dim = shape.headDim;
  int64_t pairs = 0;
  for (int64_t sequence = 0; sequence < shape.sequences; sequence++) {
    const int64_t length = shape.offsets[sequence + 1] - shape.offsets[sequence];
    pairs += length * (cache.pasts[sequence] + length);
  }
  parallelFor(shape.sequences * shape.heads, 2 * pairs * shape.heads * dim, [&](int64_t task, int thread) {
    const int64_t sequence = task / shape.heads;
    const int64_t h = task % shape.heads;
    const int64_t kvHead = h / (shape.heads / shape.kvHeads);
    const HeadView head(shape, sequence, h);
    const int64_t past = cache.pasts[sequence];
    const int64_t total = past + head.length;
    const int64_t blocks = ceilDiv(total, kBlockTokens);
    auto* scores = static_cast<float*>(scratch(thread, slot::scores, blocks * kBlockTokens * 4));
    for (int64_t row = 0; row < head.length; row++) {
      const int64_t at = ((head.start + row) * shape.heads + h) * dim;
      const int64_t seen = std::min(head.visible(past + row), total);
      const int64_t seenBlocks = ceilDiv(seen, kBlockTokens);
      for (int64_t block = 0; block < seenBlocks; block++)
        blockScores(q + at, headBlock(shape, cache, sequence, block, kvHead).keys, dim, scores + block * kBlockTokens);
      // Behind the last key: of a block that is reused, or of later tokens.
      maskScores(scores, head, shape.scale, past + row, 0, seenBlocks * kBlockTokens);
      vf largest = set(-INFINITY);
      for (int64_t j = 0; j < seenBlocks * kBlockTokens; j += W) largest = maximum(largest, load(scores + j));
      const float most = maximumOf(largest);
      vf sums{};
      for (int64_t j = 0; j < seenBlocks * kBlockTokens; j += W) {
        const vf weight = exponential(load(scores + j) - most);
        sums += weight;
        store(scores + j, weight);
      }
      const float inverse = 1 / sum(sums);
      float* out = y + at;
      std::fill(out, out + dim, 0.0f);
      for (int64_t block = 0; block < seenBlocks; block++)
        addBlockValues(scores + block * kBlockTokens, headBlock(shape, cache, sequence, block, kvHead).values,
                       std::min(kBlockTokens, seen - block * kBlockTokens), dim, out);
      for (int64_t i = 0; i < dim; i++) out[i] *= inverse;
    }
  });
}

/** Caches k and v; `y` null: no more than that. */
inline void cachedAttention(const float* q, const float* k, const float* v, const AttentionShape& shape,
                            const CacheView& cache, float* y) {
  writeToCache(k, v, shape, cache);
  if (y) attendToCache(q, shape, cache, y);
}

}  // namespace
}  // namespace evolve
