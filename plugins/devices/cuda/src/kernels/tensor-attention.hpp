// Attention (attention.hpp) in bf16 on the tensor cores; scores, softmax and sums are fp32.
//
// A block of 4 warps has 64 rows, 16 a warp: queries, or for the gradients of keys and values keys. The other side comes in tiles.
// Scores stay in the registers, whose layout is that of the next product's left operand. Nothing is added by two blocks: the
// gradients of queries and of keys are computed by kernels of their own. Rows have up to 64 or up to 128 numbers.
#pragma once
#include "attention-tiles.hpp"

// Grid: tiles of queries × heads.
template <u32 width>
DEVICE void attendInBf16(const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, void* y, i32 yType,
                         float* logSums, u32 tokens, const Sequences& s) {
  constexpr u32 kKeys = 64;
  SHARED u16 queries[OWN_ROWS * width];
  SHARED u16 keys[kKeys * width];
  SHARED u16 values[kKeys * width];
  const Rows rows = rowsOf(s);
  const u32 head = blockIdx.y, kvHead = head / (s.heads / s.kvHeads), lane = threadIdx.x % 32;
  const u32 query = rows.first + threadIdx.x / 32 * 16 + lane / 4;
  const u32 bound = seenByAny(s, rows, OWN_ROWS), seenByAll = seenBy(s, rows.sequence, rows.first);
  const u32 seen[2] = {seenBy(s, rows.sequence, query), seenBy(s, rows.sequence, query + 8)};
  const float scale = s.scale * LOG2_E, slope = s.slopes ? s.slopes[head] * LOG2_E : 0.f;
  float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0}, sums[width / 8][4];
  clearTiles(sums);
  fetchHead<width, OWN_ROWS>(queries, q, qType, rows, rows.first, s.heads, head, s.headDim);
  fetchHead<width, kKeys>(keys, k, kType, rows, 0, s.kvHeads, kvHead, s.headDim);
  commitCopies();
  for (u32 at = 0; at < bound; at += kKeys) {
    waitForCopies<0>();
    __syncthreads();
    fetchHead<width, kKeys>(values, v, vType, rows, at, s.kvHeads, kvHead, s.headDim);
    commitCopies();
    float scores[kKeys / 8][4];
    multiplyRows<width>(scores, queries, threadIdx.x / 32 * 16, keys);
    waitForCopies<0>();
    __syncthreads();
    if (at + kKeys < bound) fetchHead<width, kKeys>(keys, k, kType, rows, at + kKeys, s.kvHeads, kvHead, s.headDim);
    commitCopies();
    float larger[2] = {-INFINITY, -INFINITY};
    UNROLL for (u32 j = 0; j < kKeys / 8; j++) {
      UNROLL for (u32 e = 0; e < 4; e++) {
        const u32 key = at + 8 * j + lane % 4 * 2 + e % 2, half = e / 2;
        float score = scores[j][e] * scale;
        if (s.slopes) score += slope * ((float)key - (float)(query + 8 * half));
        if (at + kKeys > seenByAll && key >= seen[half]) score = -INFINITY;
        scores[j][e] = score;
        larger[half] = fmaxf(larger[half], score);
      }
    }
    float kept[2];
    UNROLL for (int half = 0; half < 2; half++) {
      const float most = fmaxf(largest[half], maximumOverFour(larger[half]));
      kept[half] = exp2f(largest[half] - most);
      largest[half] = most;
      sum[half] *= kept[half];
    }
    UNROLL for (u32 j = 0; j < kKeys / 8; j++) {
      UNROLL for (u32 e = 0; e < 4; e++) {
        scores[j][e] = exp2f(scores[j][e] - largest[e / 2]);
        sum[e / 2] += scores[j][e];
      }
    }
    UNROLL for (u32 d = 0; d < width / 8; d++) {
      UNROLL for (int e = 0; e < 4; e++) sums[d][e] *= kept[e / 2];
    }
    addWeighted<width>(sums, scores, values);
  }
  float factors[2];
  UNROLL for (int half = 0; half < 2; half++) {
    const float total = sumOverFour(sum[half]);
    factors[half] = 1.f / total;
    const u32 own = query + 8 * half;
    if (lane % 4 == 0 && own < rows.length) {
      logSums[(u64)head * tokens + rows.start + own] = largest[half] / LOG2_E + logf(total);
    }
  }
  storeHead<width>(y, yType, sums, factors, rows, s.heads, head, s.headDim);
}

// Weights as they were in the forward pass, and by them the gradients of the scores times `scale`; all are [16, 8 · tiles] of
// a warp. `statistics` is { log-sum · log2 e, delta } of the query of number e of tile j.
template <u32 tiles, class IsSeen, class Bias, class Statistics>
DEVICE void scoreGradients(float (&scores)[tiles][4], float (&changes)[tiles][4], const Sequences& s, IsSeen isSeen, Bias bias,
                           Statistics statistics) {
  UNROLL for (u32 j = 0; j < tiles; j++) {
    UNROLL for (u32 e = 0; e < 4; e++) {
      float weight = 0, change = 0;
      if (isSeen(j, e)) {
        const float2 of = statistics(j, e);
        weight = exp2f(scores[j][e] * (s.scale * LOG2_E) + bias(j, e) - of.x);
        change = weight * (changes[j][e] - of.y) * s.scale;
      }
      scores[j][e] = weight;
      changes[j][e] = change;
    }
  }
}

// Grid: tiles of queries × heads.
template <u32 width>
DEVICE void queryGradientInBf16(const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, const void* dy,
                                i32 dyType, const float* logSums, const float* deltas, void* dq, i32 dqType, u32 tokens,
                                const Sequences& s) {
  constexpr u32 kKeys = 32;
  SHARED u16 queries[OWN_ROWS * width];
  SHARED u16 gradients[OWN_ROWS * width];
  SHARED u16 keys[kKeys * width];
  SHARED u16 values[kKeys * width];
  const Rows rows = rowsOf(s);
  const u32 head = blockIdx.y, kvHead = head / (s.heads / s.kvHeads), lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16;
  const u32 query = rows.first + row + lane / 4;
  const u32 bound = seenByAny(s, rows, OWN_ROWS);
  const float slope = s.slopes ? s.slopes[head] * LOG2_E : 0.f;
  u32 seen[2];
  float2 of[2];
  UNROLL for (u32 half = 0; half < 2; half++) {
    const u32 own = query + 8 * half;
    const u64 place = (u64)head * tokens + rows.start + own;
    const bool isThere = own < rows.length;
    seen[half] = isThere ? seenBy(s, rows.sequence, own) : 0;
    of[half] = {isThere ? logSums[place] * LOG2_E : 0.f, isThere ? deltas[place] : 0.f};
  }
  float sums[width / 8][4];
  clearTiles(sums);
  fetchHead<width, OWN_ROWS>(queries, q, qType, rows, rows.first, s.heads, head, s.headDim);
  fetchHead<width, OWN_ROWS>(gradients, dy, dyType, rows, rows.first, s.heads, head, s.headDim);
  for (u32 at = 0; at < bound; at += kKeys) {
    __syncthreads();
    fetchHead<width, kKeys>(keys, k, kType, rows, at, s.kvHeads, kvHead, s.headDim);
    fetchHead<width, kKeys>(values, v, vType, rows, at, s.kvHeads, kvHead, s.headDim);
    commitCopies();
    waitForCopies<0>();
    __syncthreads();
    float scores[kKeys / 8][4], changes[kKeys / 8][4];
    multiplyRows<width>(scores, queries, row, keys);
    multiplyRows<width>(changes, gradients, row, values);
    auto keyOf = [&](u32 j, u32 e) { return at + 8 * j + lane % 4 * 2 + e % 2; };
    scoreGradients(
        scores, changes, s, [&](u32 j, u32 e) { return keyOf(j, e) < seen[e / 2]; },
        [&](u32 j, u32 e) { return s.slopes ? slope * ((float)keyOf(j, e) - (float)(query + 8 * (e / 2))) : 0.f; },
        [&](u32, u32 e) { return of[e / 2]; });
    addWeighted<width>(sums, changes, keys);
  }
  const float factors[2] = {1, 1};
  storeHead<width>(dq, dqType, sums, factors, rows, s.heads, head, s.headDim);
}

// Grid: tiles of keys × kvHeads. The heads that share a key add up in their order.
template <u32 width>
DEVICE void keyGradientInBf16(const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, const void* dy,
                              i32 dyType, const float* logSums, const float* deltas, void* dk, void* dv, i32 dkType, u32 tokens,
                              const Sequences& s) {
  constexpr u32 kQueries = 32;
  SHARED u16 keys[OWN_ROWS * width];
  SHARED u16 values[OWN_ROWS * width];
  SHARED u16 queries[kQueries * width];
  SHARED u16 gradients[kQueries * width];
  const Rows rows = rowsOf(s);
  const u32 kvHead = blockIdx.y, groups = s.heads / s.kvHeads, lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16;
  const u32 key = rows.first + row + lane / 4;
  const u32 prefix = s.prefixes ? (u32)s.prefixes[rows.sequence] : 0;
  // No query before the first key of the tile sees it, but those of a prefix that goes on behind it.
  const u32 from = rows.first < prefix ? 0 : rows.first / kQueries * kQueries;
  float ofKeys[width / 8][4], ofValues[width / 8][4];
  clearTiles(ofKeys);
  clearTiles(ofValues);
  fetchHead<width, OWN_ROWS>(keys, k, kType, rows, rows.first, s.kvHeads, kvHead, s.headDim);
  fetchHead<width, OWN_ROWS>(values, v, vType, rows, rows.first, s.kvHeads, kvHead, s.headDim);
  for (u32 head = kvHead * groups; head < (kvHead + 1) * groups; head++) {
    const float slope = s.slopes ? s.slopes[head] * LOG2_E : 0.f;
    const u64 place = (u64)head * tokens + rows.start;
    for (u32 at = from; at < rows.length; at += kQueries) {
      __syncthreads();
      fetchHead<width, kQueries>(queries, q, qType, rows, at, s.heads, head, s.headDim);
      fetchHead<width, kQueries>(gradients, dy, dyType, rows, at, s.heads, head, s.headDim);
      commitCopies();
      waitForCopies<0>();
      __syncthreads();
      float weights[kQueries / 8][4], changes[kQueries / 8][4];
      multiplyRows<width>(weights, keys, row, queries);
      multiplyRows<width>(changes, values, row, gradients);
      auto queryOf = [&](u32 j, u32 e) { return at + 8 * j + lane % 4 * 2 + e % 2; };
      scoreGradients(
          weights, changes, s,
          [&](u32 j, u32 e) {
            const u32 query = queryOf(j, e);
            return query < rows.length && key + 8 * (e / 2) < (query < prefix ? prefix : query + 1);
          },
          [&](u32 j, u32 e) { return s.slopes ? slope * ((float)(key + 8 * (e / 2)) - (float)queryOf(j, e)) : 0.f; },
          [&](u32 j, u32 e) {
            return float2{logSums[place + queryOf(j, e)] * LOG2_E, deltas[place + queryOf(j, e)]};
          });
      addWeighted<width>(ofValues, weights, gradients);
      addWeighted<width>(ofKeys, changes, queries);
    }
  }
  const float factors[2] = {1, 1};
  storeHead<width>(dk, dkType, ofKeys, factors, rows, s.kvHeads, kvHead, s.headDim);
  storeHead<width>(dv, dkType, ofValues, factors, rows, s.kvHeads, kvHead, s.headDim);
}

// The kernels, with the arguments of those in fp32.
#define ATTENTION_KERNELS(width)                                                                                             \
  KERNEL BOUNDS(ATTENTION_THREADS, 2) void attentionBf16_##width(                                                            \
      const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, void* y, i32 yType, float* logSums,      \
      u32 tokens, SEQUENCES_PARAMETERS) {                                                                                    \
    const Sequences s = SEQUENCES_ARGUMENTS;                                                                                 \
    attendInBf16<width>(q, qType, k, kType, v, vType, y, yType, logSums, tokens, s);                                         \
  }                                                                                                                          \
  REGISTER(attentionBf16_##width)                                                                                            \
  KERNEL BOUNDS(ATTENTION_THREADS, 2) void attentionQueryGradientBf16_##width(                                               \
      const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, const void* dy, i32 dyType,              \
      const float* logSums, const float* deltas, void* dq, i32 dqType, u32 tokens, SEQUENCES_PARAMETERS) {                   \
    const Sequences s = SEQUENCES_ARGUMENTS;                                                                                 \
    queryGradientInBf16<width>(q, qType, k, kType, v, vType, dy, dyType, logSums, deltas, dq, dqType, tokens, s);            \
  }                                                                                                                          \
  REGISTER(attentionQueryGradientBf16_##width)                                                                               \
  KERNEL BOUNDS(ATTENTION_THREADS, 2) void attentionKeyGradientBf16_##width(                                                 \
      const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, const void* dy, i32 dyType,              \
      const float* logSums, const float* deltas, void* dk, void* dv, i32 dkType, u32 tokens, SEQUENCES_PARAMETERS) {         \
    const Sequences s = SEQUENCES_ARGUMENTS;                                                                                 \
    keyGradientInBf16<width>(q, qType, k, kType, v, vType, dy, dyType, logSums, deltas, dk, dv, dkType, tokens, s);          \
  }                                                                                                                          \
  REGISTER(attentionKeyGradientBf16_##width)

ATTENTION_KERNELS(64)
ATTENTION_KERNELS(128)
