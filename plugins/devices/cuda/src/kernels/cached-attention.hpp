// The key-value cache, and attention of new tokens to all that it holds.
//
// A block of the cache has 32 tokens: the keys first, [kvHeads, headDim, 32], so that neighbouring lanes read neighbouring
// numbers, then the values, [kvHeads, 32, headDim]. Block b is the one b % 16 of slab b / 16.
#pragma once
#include "../gpu.hpp"

#define BLOCK_TOKENS 32
#define SLAB_BLOCKS 16
#define CACHE_WARPS 8

struct Cache {
  // The slabs' pointers, and what is in them.
  const u64* slabs;
  i32 type;
  // [sequences]: tokens that are cached already.
  const i32* pasts;
  // [sequences + 1]: of the new tokens.
  const i32* offsets;
  // [tokens]: the sequence of each new token.
  const i32* sequences;
  // The sequences' blocks, one list behind the other; that of sequence s begins at starts[s].
  const i32* blocks;
  const i32* starts;
  u32 kvHeads, headDim;
};
#define CACHE_PARAMETERS                                                                                                  \
  const u64 *slabs, i32 cacheType, const i32 *pasts, const i32 *offsets, const i32 *sequences, const i32 *blocks,         \
      const i32 *starts, u32 kvHeads, u32 headDim
#define CACHE_ARGUMENTS \
  { slabs, cacheType, pasts, offsets, sequences, blocks, starts, kvHeads, headDim }

DEVICE u64 sizeOfNumber(i32 type) { return type == F32 ? 4 : 2; }

// The keys of the block that holds token `at` of a sequence; its values lie `kvHeads · headDim · 32` numbers behind.
DEVICE char* blockOf(const Cache& cache, u32 sequence, u32 at) {
  const u32 block = cache.blocks[cache.starts[sequence] + at / BLOCK_TOKENS];
  const u64 numbers = (u64)2 * BLOCK_TOKENS * cache.kvHeads * cache.headDim;
  return (char*)cache.slabs[block / SLAB_BLOCKS] + block % SLAB_BLOCKS * numbers * sizeOfNumber(cache.type);
}
DEVICE u64 valuesAt(const Cache& cache) { return (u64)BLOCK_TOKENS * cache.kvHeads * cache.headDim; }

// Caches the new tokens' k and v, each [tokens, kvHeads, headDim].
KERNEL void appendToCache(const void* k, i32 kType, const void* v, i32 vType, u64 count, CACHE_PARAMETERS) {
  const Cache cache = CACHE_ARGUMENTS;
  const u64 width = (u64)cache.kvHeads * cache.headDim;
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    const u32 token = i / width, within = i % width, head = within / cache.headDim, column = within % cache.headDim;
    const u32 sequence = cache.sequences[token], at = cache.pasts[sequence] + token - cache.offsets[sequence];
    const u32 slot = at % BLOCK_TOKENS;
    char* block = blockOf(cache, sequence, at);
    store(block, cache.type, (u64)within * BLOCK_TOKENS + slot, load(k, kType, i));
    store(block, cache.type, valuesAt(cache) + ((u64)head * BLOCK_TOKENS + slot) * cache.headDim + column, load(v, vType, i));
  }
}
REGISTER(appendToCache)

// The first tokens of a sequence: keys and values, each [count / width, kvHeads, headDim], in fp32.
KERNEL void readFromCache(float* keys, float* values, u32 sequence, u64 count, CACHE_PARAMETERS) {
  const Cache cache = CACHE_ARGUMENTS;
  const u64 width = (u64)cache.kvHeads * cache.headDim;
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    const u32 at = i / width, within = i % width, head = within / cache.headDim, column = within % cache.headDim;
    const char* block = blockOf(cache, sequence, at);
    const u32 slot = at % BLOCK_TOKENS;
    keys[i] = load(block, cache.type, (u64)within * BLOCK_TOKENS + slot);
    values[i] = load(block, cache.type, valuesAt(cache) + ((u64)head * BLOCK_TOKENS + slot) * cache.headDim + column);
  }
}
REGISTER(readFromCache)

// y [tokens, heads, headDim]. Grid: new tokens × heads. The warps of a block share the cached blocks among themselves.
KERNEL void cachedAttention(const void* q, i32 qType, void* y, i32 yType, const i32* prefixes, const float* slopes, u32 heads,
                            float scale, CACHE_PARAMETERS) {
  const Cache cache = CACHE_ARGUMENTS;
  SHARED float query[256];
  SHARED float partial[CACHE_WARPS][256];
  SHARED float largests[CACHE_WARPS];
  SHARED float totals[CACHE_WARPS];
  const u32 token = blockIdx.x, head = blockIdx.y, kvHead = head / (heads / cache.kvHeads), width = cache.headDim;
  const u32 sequence = cache.sequences[token], position = cache.pasts[sequence] + token - cache.offsets[sequence];
  const u32 prefix = prefixes ? (u32)prefixes[sequence] : 0, seen = position < prefix ? prefix : position + 1;
  const u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const u64 row = ((u64)token * heads + head) * width;
  for (u32 i = threadIdx.x; i < width; i += blockDim.x) query[i] = load(q, qType, row + i);
  __syncthreads();
  float largest = -INFINITY, sum = 0, sums[8];
  UNROLL for (int i = 0; i < 8; i++) sums[i] = 0;
  for (u32 at = warp * BLOCK_TOKENS; at < seen; at += CACHE_WARPS * BLOCK_TOKENS) {
    const char* block = blockOf(cache, sequence, at);
    const u32 count = seen - at < BLOCK_TOKENS ? seen - at : BLOCK_TOKENS, key = at + lane;
    float score = -INFINITY;
    if (lane < count) {
      float product = 0;
      for (u32 i = 0; i < width; i++) {
        product += query[i] * load(block, cache.type, ((u64)kvHead * width + i) * BLOCK_TOKENS + lane);
      }
      score = product * scale;
      if (slopes) score += slopes[head] * ((float)key - (float)position);
    }
    float larger = score;
    for (int mask = 16; mask > 0; mask >>= 1) larger = fmaxf(larger, shuffleXor(larger, mask));
    larger = fmaxf(larger, largest);
    const float kept = expf(largest - larger), weight = lane < count ? expf(score - larger) : 0.f;
    largest = larger;
    sum = sum * kept + weight;
    UNROLL for (int i = 0; i < 8; i++) sums[i] *= kept;
    for (u32 slot = 0; slot < count; slot++) {
      const float share = shuffle(weight, slot);
      UNROLL for (u32 i = 0; i < 8; i++) {
        const u32 column = i * 32 + lane;
        if (column < width) {
          const u64 place = valuesAt(cache) + ((u64)kvHead * BLOCK_TOKENS + slot) * width + column;
          sums[i] += share * load(block, cache.type, place);
        }
      }
    }
  }
  for (int mask = 16; mask > 0; mask >>= 1) sum += shuffleXor(sum, mask);
  UNROLL for (u32 i = 0; i < 8; i++) partial[warp][i * 32 + lane] = sums[i];
  if (lane == 0) {
    largests[warp] = largest;
    totals[warp] = sum;
  }
  __syncthreads();
  float most = largests[0];
  for (u32 i = 1; i < CACHE_WARPS; i++) most = fmaxf(most, largests[i]);
  float total = 0;
  // A warp that saw nothing has −∞ and adds nothing.
  for (u32 i = 0; i < CACHE_WARPS; i++) total += totals[i] * expf(largests[i] - most);
  for (u32 column = threadIdx.x; column < width; column += blockDim.x) {
    float mixed = 0;
    for (u32 i = 0; i < CACHE_WARPS; i++) mixed += partial[i][column] * expf(largests[i] - most);
    store(y, yType, row + column, mixed / total);
  }
}
REGISTER(cachedAttention)
