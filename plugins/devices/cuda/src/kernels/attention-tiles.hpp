// What the kernels of attention on the tensor cores share: rows of a block, tiles, and products of them.
#pragma once
#include "attention.hpp"
#include "tiles.hpp"

#define OWN_ROWS 64
#define ATTENTION_THREADS 128
#define LOG2_E 1.4426950408889634f

// `count` rows of one head of x [tokens, heads, headDim], from row `first` of the sequence on; 0 beyond its end.
template <u32 width, u32 count>
DEVICE void fetchHead(u16* tile, const void* x, i32 type, const Rows& rows, u32 first, u32 heads, u32 head, u32 headDim) {
  UNROLL for (u32 i = threadIdx.x; i < count * width / CHUNK; i += ATTENTION_THREADS) {
    const u32 r = i / (width / CHUNK), c = i % (width / CHUNK);
    const bool isThere = first + r < rows.length && c * CHUNK < headDim;
    const u32 numbers = isThere ? (headDim - c * CHUNK < CHUNK ? headDim - c * CHUNK : CHUNK) : 0;
    const u64 at = ((u64)(rows.start + first + r) * heads + head) * headDim + c * CHUNK;
    fetchChunk(tile + placeInTile<width>(r, c), x, type, at, numbers);
  }
}

template <u32 tiles>
DEVICE void clearTiles(float (&x)[tiles][4]) {
  UNROLL for (u32 i = 0; i < tiles; i++) {
    UNROLL for (int e = 0; e < 4; e++) x[i][e] = 0;
  }
}

// products [16, 8 · tiles] = own rows `row` … `row` + 15 times the other side's rows.
template <u32 width, u32 tiles>
DEVICE void multiplyRows(float (&products)[tiles][4], const u16* own, u32 row, const u16* others) {
  clearTiles(products);
  UNROLL for (u32 depth = 0; depth < width; depth += 16) {
    u32 left[4];
    leftOperand<width>(left, own, row, depth);
    UNROLL for (u32 j = 0; j < tiles; j += 2) {
      u32 right[4];
      rightOperands<width>(right, others, depth, 8 * j);
      multiplyTiles(products[j], left, right);
      multiplyTiles(products[j + 1], left, right + 2);
    }
  }
}

// sums [16, width] += weights [16, 8 · tiles] times the other side's rows.
template <u32 width, u32 tiles>
DEVICE void addWeighted(float (&sums)[width / 8][4], const float (&weights)[tiles][4], const u16* others) {
  UNROLL for (u32 step = 0; step < tiles; step += 2) {
    const u32 left[4] = {packBf16(weights[step][0], weights[step][1]), packBf16(weights[step][2], weights[step][3]),
                         packBf16(weights[step + 1][0], weights[step + 1][1]), packBf16(weights[step + 1][2], weights[step + 1][3])};
    UNROLL for (u32 d = 0; d < width / 8; d += 2) {
      u32 right[4];
      rightOperandsTransposed<width>(right, others, 8 * step, 8 * d);
      multiplyTiles(sums[d], left, right);
      multiplyTiles(sums[d + 1], left, right + 2);
    }
  }
}

// The warp's 16 rows of one head of y; row g times factors[0], row g + 8 times factors[1].
template <u32 width>
DEVICE void storeHead(void* y, i32 type, const float (&sums)[width / 8][4], const float* factors, const Rows& rows, u32 heads,
                      u32 head, u32 headDim) {
  const u32 lane = threadIdx.x % 32, own = rows.first + threadIdx.x / 32 * 16 + lane / 4;
  UNROLL for (u32 half = 0; half < 2; half++) {
    if (own + 8 * half >= rows.length) continue;
    const u64 at = ((u64)(rows.start + own + 8 * half) * heads + head) * headDim;
    UNROLL for (u32 d = 0; d < width / 8; d++) {
      const u32 column = 8 * d + lane % 4 * 2;
      const float a = sums[d][2 * half] * factors[half], b = sums[d][2 * half + 1] * factors[half];
      if (type == BF16 && headDim % 2 == 0) {
        if (column < headDim) *(u32*)((u16*)y + at + column) = packBf16(a, b);
      } else {
        if (column < headDim) store(y, type, at + column, a);
        if (column + 1 < headDim) store(y, type, at + column + 1, b);
      }
    }
  }
}

// The larger, or the sum, of a value of the four lanes that share a row.
DEVICE float maximumOverFour(float x) {
  x = fmaxf(x, shuffleXor(x, 1));
  return fmaxf(x, shuffleXor(x, 2));
}
DEVICE float sumOverFour(float x) {
  x += shuffleXor(x, 1);
  return x + shuffleXor(x, 2);
}
