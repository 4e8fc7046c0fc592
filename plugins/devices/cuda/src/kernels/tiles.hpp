// Tiles of bf16 numbers in shared memory, for the tensor cores. A tile has rows of 32, 64 or 128 numbers, in chunks of 8. The
// chunks of a row are exchanged so that the eight rows that ldmatrix reads together lie in different banks.
#pragma once
#include "../gpu.hpp"

#define CHUNK 8

// Where chunk `chunk` of row `row` lies, in a tile of rows of `width` numbers.
template <u32 width>
DEVICE u32 placeInTile(u32 row, u32 chunk) {
  const u32 other = width == 32 ? row >> 1 & 3 : row & 7;
  return row * width + (chunk ^ other) * CHUNK;
}

// Eight numbers of x from number `at` on, of which the first `count` are there, to a chunk; the others become 0. Those that lie
// well are copied in the background: a tile is whole after waitForCopies and a barrier.
DEVICE void fetchChunk(u16* chunk, const void* x, i32 type, u64 at, u32 count) {
  if (count >= CHUNK && type == BF16 && ((u64)((const u16*)x + at) & 15) == 0) {
    copyAsync16(chunk, (const u16*)x + at);
    return;
  }
  if (count >= CHUNK && type == F32 && ((u64)((const float*)x + at) & 15) == 0) {
    const float4 low = loadFour(x, F32, at), high = loadFour(x, F32, at + 4);
    *(uint4*)chunk = {packBf16(low.x, low.y), packBf16(low.z, low.w), packBf16(high.x, high.y), packBf16(high.z, high.w)};
    return;
  }
  *(uint4*)chunk = {0, 0, 0, 0};
  NO_UNROLL for (u32 i = 0; i < count; i++) chunk[i] = floatToBf16(load(x, type, at + i));
}

// Of the matrix from (row, column) on: 16 × 16 of the left operand of multiplyTiles, whose rows are the tile's.
template <u32 width>
DEVICE void leftOperand(u32* numbers, const u16* tile, u32 row, u32 column) {
  const u32 lane = threadIdx.x % 32;
  loadMatrices(numbers, tile + placeInTile<width>(row + lane % 16, column / CHUNK + lane / 16));
}
// The same where the tile's rows are the operand's columns.
template <u32 width>
DEVICE void leftOperandTransposed(u32* numbers, const u16* tile, u32 row, u32 column) {
  const u32 lane = threadIdx.x % 32;
  loadMatricesTransposed(numbers, tile + placeInTile<width>(column + lane / 16 * 8 + lane % 8, row / CHUNK + lane / 8 % 2));
}
// Two right operands, 16 × 8 each, side by side: columns `column` … `column` + 15, which are the tile's rows.
template <u32 width>
DEVICE void rightOperands(u32* numbers, const u16* tile, u32 row, u32 column) {
  const u32 lane = threadIdx.x % 32;
  loadMatrices(numbers, tile + placeInTile<width>(column + lane / 16 * 8 + lane % 8, row / CHUNK + lane / 8 % 2));
}
// The same where the tile's rows are the operand's rows.
template <u32 width>
DEVICE void rightOperandsTransposed(u32* numbers, const u16* tile, u32 row, u32 column) {
  const u32 lane = threadIdx.x % 32;
  loadMatricesTransposed(numbers, tile + placeInTile<width>(row + lane % 16, column / CHUNK + lane / 16));
}
