// Attention over sequences that lie one after another, forward and backward, without a stored matrix of scores (FlashAttention,
// arXiv 2205.14135): a block meets the other side in tiles, and keeps for each row its largest score and its sum.
//
// A warp has a row: a query, or for the gradients of keys and values a key. The tile's rows lie in shared memory; a lane computes
// the scores of one of them, and then holds every 32nd element of its warp's row.
#pragma once
#include "../gpu.hpp"

// Numbers of shared memory for a tile (of 32 rows of 128, or 16 of 256, each with one number more so that lanes read different
// banks), and for the rows of the warps.
#define TILE_NUMBERS 4128
#define OWN_NUMBERS 1024
#define MOST_PER_LANE 8

struct Sequences {
  // [tiles, 2]: the sequence of each block's rows, and its first row within it.
  const i32* tiles;
  // [sequences + 1]
  const i32* offsets;
  // [sequences], or null
  const i32* prefixes;
  // [heads], or null
  const float* slopes;
  u32 heads, kvHeads, headDim;
  float scale;
};
#define SEQUENCES_PARAMETERS                                                                                          \
  const i32 *tiles, const i32 *offsets, const i32 *prefixes, const float *slopes, u32 heads, u32 kvHeads, u32 headDim, \
      float scale
#define SEQUENCES_ARGUMENTS \
  { tiles, offsets, prefixes, slopes, heads, kvHeads, headDim, scale }

// How many keys a query sees: those up to itself, or all of the prefix that it lies in.
DEVICE u32 seenBy(const Sequences& s, u32 sequence, u32 query) {
  const u32 prefix = s.prefixes ? (u32)s.prefixes[sequence] : 0;
  return query < prefix ? prefix : query + 1;
}

// The rows of a block: from `first` on, of a sequence of `length` tokens that begins at token `start`.
struct Rows {
  u32 sequence, start, length, first;
};
DEVICE Rows rowsOf(const Sequences& s) {
  const u32 sequence = s.tiles[2 * blockIdx.x], start = s.offsets[sequence];
  return {sequence, start, (u32)s.offsets[sequence + 1] - start, (u32)s.tiles[2 * blockIdx.x + 1]};
}

// How many keys `count` queries see, of which each sees as much as the one before it, or more.
DEVICE u32 seenByAny(const Sequences& s, const Rows& rows, u32 count) {
  const u32 end = rows.first + count < rows.length ? rows.first + count : rows.length;
  return seenBy(s, rows.sequence, end - 1);
}

DEVICE float scoreOf(const Sequences& s, u32 head, float product, u32 query, u32 key) {
  const float score = product * s.scale;
  return s.slopes ? score + s.slopes[head] * ((float)key - (float)query) : score;
}

// Rows first … first + count − 1 of x [tokens, heads, headDim] to `tile`, for one head. All threads of the block take part.
DEVICE void fetchRows(float* tile, const void* x, i32 type, u64 first, u32 count, u32 heads, u32 head, u32 headDim) {
  for (u32 i = threadIdx.x; i < count * headDim; i += blockDim.x) {
    const u32 row = i / headDim, column = i % headDim;
    tile[row * (headDim + 1) + column] = load(x, type, ((first + row) * heads + head) * headDim + column);
  }
}
// One row to `own`, by the lanes of a warp.
DEVICE void fetchOwn(float* own, const void* x, i32 type, u64 row, u32 heads, u32 head, u32 headDim) {
  for (u32 i = threadIdx.x % 32; i < headDim; i += 32) own[i] = load(x, type, (row * heads + head) * headDim + i);
}
DEVICE float dot(const float* a, const float* b, u32 count) {
  float sum = 0;
  for (u32 i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}
// sums += factor · row, of the elements that this lane holds.
DEVICE void addRowTimes(float* sums, const float* row, float factor, u32 headDim) {
  UNROLL for (u32 i = 0; i < MOST_PER_LANE; i++) {
    const u32 at = i * 32 + threadIdx.x % 32;
    if (at < headDim) sums[i] += factor * row[at];
  }
}
DEVICE void storeOwn(void* y, i32 type, const float* sums, float factor, u64 row, u32 heads, u32 head, u32 headDim) {
  UNROLL for (u32 i = 0; i < MOST_PER_LANE; i++) {
    const u32 at = i * 32 + threadIdx.x % 32;
    if (at < headDim) store(y, type, (row * heads + head) * headDim + at, sums[i] * factor);
  }
}
DEVICE u32 tileRows(u32 headDim) { return headDim <= 128 ? 32 : 16; }

// Grid: tiles of queries × heads. y [tokens, heads, headDim]; logSums [heads, tokens] is kept for the gradient.
KERNEL void attention(const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, void* y, i32 yType,
                      float* logSums, u32 tokens, SEQUENCES_PARAMETERS) {
  const Sequences s = SEQUENCES_ARGUMENTS;
  SHARED float keys[TILE_NUMBERS];
  SHARED float values[TILE_NUMBERS];
  SHARED float owns[OWN_NUMBERS];
  const auto [sequence, start, length, first] = rowsOf(s);
  const u32 lane = threadIdx.x % 32, query = first + threadIdx.x / 32;
  const u32 head = blockIdx.y, kvHead = head / (s.heads / s.kvHeads), width = s.headDim;
  const bool isThere = query < length;
  const u32 seen = isThere ? seenBy(s, sequence, query) : 0, bound = seenByAny(s, rowsOf(s), blockDim.x / 32);
  float* own = owns + threadIdx.x / 32 * width;
  if (isThere) fetchOwn(own, q, qType, start + query, s.heads, head, width);
  float largest = -INFINITY, sum = 0, sums[MOST_PER_LANE];
  UNROLL for (int i = 0; i < MOST_PER_LANE; i++) sums[i] = 0;
  for (u32 at = 0; at < bound; at += tileRows(width)) {
    const u32 count = bound - at < tileRows(width) ? bound - at : tileRows(width);
    __syncthreads();
    fetchRows(keys, k, kType, start + at, count, s.kvHeads, kvHead, width);
    fetchRows(values, v, vType, start + at, count, s.kvHeads, kvHead, width);
    __syncthreads();
    const bool isSeen = lane < count && at + lane < seen;
    const float score = isSeen ? scoreOf(s, head, dot(own, keys + lane * (width + 1), width), query, at + lane) : -INFINITY;
    float larger = score;
    for (int mask = 16; mask > 0; mask >>= 1) larger = fmaxf(larger, shuffleXor(larger, mask));
    larger = fmaxf(larger, largest);
    // Nothing seen so far: exp(−∞ − −∞) would be no number.
    const float kept = larger == -INFINITY ? 1.f : expf(largest - larger);
    const float weight = isSeen ? expf(score - larger) : 0.f;
    largest = larger;
    sum = sum * kept + weight;
    UNROLL for (int i = 0; i < MOST_PER_LANE; i++) sums[i] *= kept;
    for (u32 row = 0; row < count; row++) addRowTimes(sums, values + row * (width + 1), shuffle(weight, row), width);
  }
  for (int mask = 16; mask > 0; mask >>= 1) sum += shuffleXor(sum, mask);
  if (!isThere) return;
  storeOwn(y, yType, sums, 1.f / sum, start + query, s.heads, head, width);
  if (lane == 0) logSums[(u64)head * tokens + start + query] = largest + logf(sum);
}
REGISTER(attention)

// deltas [heads, tokens] = Σ dy · y, over each head. A warp has a head of a token.
KERNEL void attentionDeltas(const void* y, i32 yType, const void* dy, i32 dyType, float* deltas, u32 tokens, u32 heads,
                            u32 headDim) {
  const u64 row = (u64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  const bool isThere = row < (u64)tokens * heads;
  float sum = 0;
  for (u32 i = threadIdx.x % 32; isThere && i < headDim; i += 32) {
    sum += load(y, yType, row * headDim + i) * load(dy, dyType, row * headDim + i);
  }
  for (int mask = 16; mask > 0; mask >>= 1) sum += shuffleXor(sum, mask);
  if (isThere && threadIdx.x % 32 == 0) deltas[row % heads * tokens + row / heads] = sum;
}
REGISTER(attentionDeltas)

// Grid: tiles of queries × heads.
KERNEL void attentionQueryGradient(const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, const void* dy,
                                   i32 dyType, const float* logSums, const float* deltas, void* dq, i32 dqType, u32 tokens,
                                   SEQUENCES_PARAMETERS) {
  const Sequences s = SEQUENCES_ARGUMENTS;
  SHARED float keys[TILE_NUMBERS];
  SHARED float values[TILE_NUMBERS];
  SHARED float owns[2 * OWN_NUMBERS];
  const auto [sequence, start, length, first] = rowsOf(s);
  const u32 lane = threadIdx.x % 32, query = first + threadIdx.x / 32;
  const u32 head = blockIdx.y, kvHead = head / (s.heads / s.kvHeads), width = s.headDim;
  const bool isThere = query < length;
  const u32 seen = isThere ? seenBy(s, sequence, query) : 0, bound = seenByAny(s, rowsOf(s), blockDim.x / 32);
  float* own = owns + threadIdx.x / 32 * width;
  float* ownGradient = own + OWN_NUMBERS;
  float logSum = 0, delta = 0, sums[MOST_PER_LANE];
  if (isThere) {
    fetchOwn(own, q, qType, start + query, s.heads, head, width);
    fetchOwn(ownGradient, dy, dyType, start + query, s.heads, head, width);
    logSum = logSums[(u64)head * tokens + start + query];
    delta = deltas[(u64)head * tokens + start + query];
  }
  UNROLL for (int i = 0; i < MOST_PER_LANE; i++) sums[i] = 0;
  for (u32 at = 0; at < bound; at += tileRows(width)) {
    const u32 count = bound - at < tileRows(width) ? bound - at : tileRows(width);
    __syncthreads();
    fetchRows(keys, k, kType, start + at, count, s.kvHeads, kvHead, width);
    fetchRows(values, v, vType, start + at, count, s.kvHeads, kvHead, width);
    __syncthreads();
    float change = 0;
    if (lane < count && at + lane < seen) {
      const float score = scoreOf(s, head, dot(own, keys + lane * (width + 1), width), query, at + lane);
      change = expf(score - logSum) * (dot(ownGradient, values + lane * (width + 1), width) - delta) * s.scale;
    }
    for (u32 row = 0; row < count; row++) addRowTimes(sums, keys + row * (width + 1), shuffle(change, row), width);
  }
  if (isThere) storeOwn(dq, dqType, sums, 1.f, start + query, s.heads, head, width);
}
REGISTER(attentionQueryGradient)

// Grid: tiles of keys × kvHeads. The heads that share a key add up in their order.
KERNEL void attentionKeyGradient(const void* q, i32 qType, const void* k, i32 kType, const void* v, i32 vType, const void* dy,
                                 i32 dyType, const float* logSums, const float* deltas, void* dk, void* dv, i32 dkType,
                                 u32 tokens, SEQUENCES_PARAMETERS) {
  const Sequences s = SEQUENCES_ARGUMENTS;
  SHARED float queries[TILE_NUMBERS];
  SHARED float gradients[TILE_NUMBERS];
  SHARED float owns[2 * OWN_NUMBERS];
  const auto [sequence, start, length, first] = rowsOf(s);
  const u32 lane = threadIdx.x % 32, key = first + threadIdx.x / 32;
  const u32 kvHead = blockIdx.y, groups = s.heads / s.kvHeads, width = s.headDim;
  const bool isThere = key < length;
  float* own = owns + threadIdx.x / 32 * width;
  float* ownValue = own + OWN_NUMBERS;
  if (isThere) {
    fetchOwn(own, k, kType, start + key, s.kvHeads, kvHead, width);
    fetchOwn(ownValue, v, vType, start + key, s.kvHeads, kvHead, width);
  }
  float ofKey[MOST_PER_LANE], ofValue[MOST_PER_LANE];
  UNROLL for (int i = 0; i < MOST_PER_LANE; i++) ofKey[i] = ofValue[i] = 0;
  // No query before the first key of the tile sees it, but those of a prefix that goes on behind it.
  const u32 prefix = s.prefixes ? (u32)s.prefixes[sequence] : 0;
  const u32 from = first < prefix ? 0 : first / tileRows(width) * tileRows(width);
  for (u32 head = kvHead * groups; head < (kvHead + 1) * groups; head++) {
    for (u32 at = from; at < length; at += tileRows(width)) {
      const u32 count = length - at < tileRows(width) ? length - at : tileRows(width), query = at + lane;
      __syncthreads();
      fetchRows(queries, q, qType, start + at, count, s.heads, head, width);
      fetchRows(gradients, dy, dyType, start + at, count, s.heads, head, width);
      __syncthreads();
      float weight = 0, change = 0;
      if (isThere && lane < count && key < seenBy(s, sequence, query)) {
        const u64 place = (u64)head * tokens + start + query;
        const float score = scoreOf(s, head, dot(own, queries + lane * (width + 1), width), query, key);
        weight = expf(score - logSums[place]);
        change = weight * (dot(ownValue, gradients + lane * (width + 1), width) - deltas[place]) * s.scale;
      }
      for (u32 row = 0; row < count; row++) {
        addRowTimes(ofKey, queries + row * (width + 1), shuffle(change, row), width);
        addRowTimes(ofValue, gradients + row * (width + 1), shuffle(weight, row), width);
      }
    }
  }
  if (!isThere) return;
  storeOwn(dk, dkType, ofKey, 1.f, start + key, s.kvHeads, kvHead, width);
  storeOwn(dv, dkType, ofValue, 1.f, start + key, s.kvHeads, kvHead, width);
}
REGISTER(attentionKeyGradient)
