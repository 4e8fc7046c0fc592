// Products of matrices (products.hpp) in bf16 with fp32 sums, on the tensor cores.
//
// A block of 256 threads has 128 × 128 of C, each of its 8 warps 64 × 32. It goes along k in tiles of 32, which are fetched two
// ahead. A transposed operand's tile keeps its rows along m or n, and is transposed on its way to the registers.
#pragma once
#include "products.hpp"
#include "tiles.hpp"

#define TILE 128
#define DEPTH 32
#define STAGES 3
// Blocks that run side by side share rows of A and of B: this many rows of blocks go together.
#define BLOCK_ROWS 8

// 128 rows × 32 of k of one operand to shared memory. It is stored as [rows, k], or where it is transposed as [k, rows].
template <bool isTransposed>
DEVICE void fetchTile(u16* tile, const void* x, i32 type, u64 rows, u64 k, u64 row, u64 at, u64 end) {
  UNROLL for (u32 i = threadIdx.x; i < TILE * DEPTH / CHUNK; i += 256) {
    if (isTransposed) {
      const u32 r = i / (TILE / CHUNK), c = i % (TILE / CHUNK);
      const u64 first = row + c * CHUNK;
      const u32 count = at + r < end && first < rows ? (rows - first < CHUNK ? rows - first : CHUNK) : 0;
      fetchChunk(tile + placeInTile<TILE>(r, c), x, type, (at + r) * rows + first, count);
    } else {
      const u32 r = i / (DEPTH / CHUNK), c = i % (DEPTH / CHUNK);
      const u64 first = at + c * CHUNK;
      const u32 count = row + r < rows && first < end ? (end - first < CHUNK ? end - first : CHUNK) : 0;
      fetchChunk(tile + placeInTile<DEPTH>(r, c), x, type, (row + r) * k + first, count);
    }
  }
}

// Four numbers of a row of C, from a column that is a multiple of 4 on.
DEVICE void storeFourOfC(const Product& p, u64 row, u64 column, float4 v) {
  if (row >= p.m || column >= p.n) return;
  if (!liesInFours(p.c, p.n)) {
    storeC(p, row, column, v.x);
    storeC(p, row, column + 1, v.y);
    storeC(p, row, column + 2, v.z);
    storeC(p, row, column + 3, v.w);
    return;
  }
  const u64 i = row * p.n + column;
  v = {v.x * p.factor, v.y * p.factor, v.z * p.factor, v.w * p.factor};
  if (p.bias) v = {v.x + p.bias[column], v.y + p.bias[column + 1], v.z + p.bias[column + 2], v.w + p.bias[column + 3]};
  if (p.adding) {
    const float4 before = loadFour(p.c, p.cType, i);
    v = {v.x + before.x, v.y + before.y, v.z + before.z, v.w + before.w};
  }
  storeFour(p.c, p.cType, i, v);
}

// Two tiles of 16 × 8 that lie side by side. Lanes hold pairs of a row; neighbours exchange them, so that each has four.
DEVICE void storeTiles(const Product& p, u64 row, u64 column, const float (&left)[4], const float (&right)[4]) {
  const u32 lane = threadIdx.x % 32, t = lane % 4;
  const bool isOdd = t & 1;
  UNROLL for (int half = 0; half < 2; half++) {
    const float a = left[2 * half], b = left[2 * half + 1], c = right[2 * half], d = right[2 * half + 1];
    const float x = shuffleXor(isOdd ? a : c, 1), y = shuffleXor(isOdd ? b : d, 1);
    const float4 four = {isOdd ? x : a, isOdd ? y : b, isOdd ? c : x, isOdd ? d : y};
    storeFourOfC(p, row + lane / 4 + 8 * half, column + (isOdd ? 8 : 0) + t / 2 * 4, four);
  }
}

template <bool isATransposed, bool isBTransposed>
DEVICE void multiplyInBf16(Product& p) {
  u64 start, end;
  locate(p, &start, &end);
  SHARED u16 as[STAGES][TILE * DEPTH];
  SHARED u16 bs[STAGES][TILE * DEPTH];
  const u32 index = blockIdx.y * gridDim.x + blockIdx.x, together = BLOCK_ROWS * gridDim.x;
  const u32 firstRow = index / together * BLOCK_ROWS;
  const u32 rows = gridDim.y - firstRow < BLOCK_ROWS ? gridDim.y - firstRow : BLOCK_ROWS;
  const u64 row = (u64)(firstRow + index % together % rows) * TILE, column = (u64)(index % together / rows) * TILE;
  const u32 warp = threadIdx.x / 32, y = warp % 2 * 64, x = warp / 2 * 32;
  // A warp whose part lies outside C only fetches.
  const bool isWithin = row + y < p.m && column + x < p.n;
  float sums[4][4][4];
  UNROLL for (int i = 0; i < 4; i++) {
    UNROLL for (int j = 0; j < 4; j++) {
      UNROLL for (int e = 0; e < 4; e++) sums[i][j][e] = 0;
    }
  }
  auto fetch = [&](u64 at, u32 stage) {
    if (at < end) {
      fetchTile<isATransposed>(as[stage], p.a, p.aType, p.m, p.k, row, at, end);
      fetchTile<isBTransposed>(bs[stage], p.b, p.bType, p.n, p.k, column, at, end);
    }
    commitCopies();
  };
  fetch(start, 0);
  fetch(start + DEPTH, 1);
  u32 stage = 0;
  for (u64 at = start; at < end; at += DEPTH) {
    waitForCopies<STAGES - 2>();
    // All have this tile, and all are done with the last one, whose place is taken next.
    __syncthreads();
    fetch(at + 2 * DEPTH, stage == 0 ? 2 : stage - 1);
    const u32 current = stage;
    stage = stage == STAGES - 1 ? 0 : stage + 1;
    if (!isWithin) continue;
    UNROLL for (u32 depth = 0; depth < DEPTH; depth += 16) {
      u32 left[4][4], right[2][4];
      UNROLL for (u32 i = 0; i < 4; i++) {
        if (isATransposed) leftOperandTransposed<TILE>(left[i], as[current], y + 16 * i, depth);
        else leftOperand<DEPTH>(left[i], as[current], y + 16 * i, depth);
      }
      UNROLL for (u32 j = 0; j < 2; j++) {
        if (isBTransposed) rightOperandsTransposed<TILE>(right[j], bs[current], depth, x + 16 * j);
        else rightOperands<DEPTH>(right[j], bs[current], depth, x + 16 * j);
      }
      UNROLL for (int i = 0; i < 4; i++) {
        UNROLL for (int j = 0; j < 4; j++) multiplyTiles(sums[i][j], left[i], right[j / 2] + j % 2 * 2);
      }
    }
  }
  UNROLL for (u32 i = 0; i < 4; i++) {
    UNROLL for (u32 j = 0; j < 4; j += 2) storeTiles(p, row + y + 16 * i, column + x + 8 * j, sums[i][j], sums[i][j + 1]);
  }
}

// By how the operands are stored: A as it is or transposed, then B.
KERNEL BOUNDS(256, 2) void productBf16(PRODUCT_PARAMETERS) {
  Product p = PRODUCT_ARGUMENTS;
  multiplyInBf16<false, false>(p);
}
REGISTER(productBf16)

KERNEL BOUNDS(256, 2) void productBf16B(PRODUCT_PARAMETERS) {
  Product p = PRODUCT_ARGUMENTS;
  multiplyInBf16<false, true>(p);
}
REGISTER(productBf16B)

KERNEL BOUNDS(256, 1) void productBf16A(PRODUCT_PARAMETERS) {
  Product p = PRODUCT_ARGUMENTS;
  multiplyInBf16<true, false>(p);
}
REGISTER(productBf16A)

KERNEL BOUNDS(256, 2) void productBf16AB(PRODUCT_PARAMETERS) {
  Product p = PRODUCT_ARGUMENTS;
  multiplyInBf16<true, true>(p);
}
REGISTER(productBf16AB)
