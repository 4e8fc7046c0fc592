// Products of matrices: C [m, n] = factor · A [m, k] B [k, n] + bias [n] (or null), added to what C holds where `adding`.
//
// A is stored as [m, k], or as [k, m] where it is transposed; B as [n, k], as a linear layer's weight is, or as [k, n] where it is
// transposed. `batch` matrices lie behind each other (blockIdx.z). With `splits` above 1, blockIdx.z is instead a part of k, and
// C is [splits, m, n], to be summed by sumOfSplits: for a small result of many numbers.
#pragma once
#include "../gpu.hpp"

struct Product {
  const void *a, *b;
  i32 aType, bType, isATransposed, isBTransposed;
  u64 m, n, k;
  float factor;
  const float* bias;
  void* c;
  i32 cType, adding;
  u32 splits;
};

#define PRODUCT_PARAMETERS                                                                                               \
  const void *a, i32 aType, i32 isATransposed, const void *b, i32 bType, i32 isBTransposed, u64 m, u64 n, u64 k,         \
      float factor, const float *bias, void *c, i32 cType, i32 adding, u32 splits
#define PRODUCT_ARGUMENTS \
  { a, b, aType, bType, isATransposed, isBTransposed, m, n, k, factor, bias, c, cType, adding, splits }

DEVICE u64 sizeOf(i32 type) { return type == F32 ? 4 : 2; }
DEVICE const void* advance(const void* x, i32 type, u64 elements) { return (const char*)x + elements * sizeOf(type); }

// What of k this block sums, and its A, B and C.
DEVICE void locate(Product& p, u64* start, u64* end) {
  *start = 0;
  *end = p.k;
  if (p.splits > 1) {
    // A multiple of what a tile has of k, so that every part begins where 16 bytes do.
    const u64 each = ((p.k + p.splits - 1) / p.splits + 31) / 32 * 32;
    *start = blockIdx.z * each;
    *end = *start + each < p.k ? *start + each : p.k;
  } else {
    p.a = advance(p.a, p.aType, blockIdx.z * p.m * p.k);
    p.b = advance(p.b, p.bType, blockIdx.z * p.k * p.n);
  }
  p.c = (void*)advance(p.c, p.cType, blockIdx.z * p.m * p.n);
}

DEVICE float elementOfA(const Product& p, u64 row, u64 at, u64 end) {
  if (row >= p.m || at >= end) return 0.f;
  return load(p.a, p.aType, p.isATransposed ? at * p.m + row : row * p.k + at);
}
DEVICE float elementOfB(const Product& p, u64 column, u64 at, u64 end) {
  if (column >= p.n || at >= end) return 0.f;
  return load(p.b, p.bType, p.isBTransposed ? at * p.n + column : column * p.k + at);
}
DEVICE void storeC(const Product& p, u64 row, u64 column, float value) {
  if (row >= p.m || column >= p.n) return;
  const u64 i = row * p.n + column;
  value *= p.factor;
  if (p.bias) value += p.bias[column];
  if (p.adding) value += load(p.c, p.cType, i);
  store(p.c, p.cType, i, value);
}

// In fp32: a block of 256 threads has 64 × 64 of C, a thread 4 × 4.
#define F32_TILE 64
#define F32_DEPTH 16

KERNEL void productF32(PRODUCT_PARAMETERS) {
  Product p = PRODUCT_ARGUMENTS;
  u64 start, end;
  locate(p, &start, &end);
  SHARED float as[F32_DEPTH][F32_TILE + 4];
  SHARED float bs[F32_DEPTH][F32_TILE + 4];
  const u64 row = (u64)blockIdx.y * F32_TILE, column = (u64)blockIdx.x * F32_TILE;
  const u32 y = threadIdx.x / 16 * 4, x = threadIdx.x % 16 * 4;
  float sums[4][4];
  UNROLL for (int i = 0; i < 4; i++) {
    UNROLL for (int j = 0; j < 4; j++) sums[i][j] = 0;
  }
  for (u64 at = start; at < end; at += F32_DEPTH) {
    for (u32 i = threadIdx.x; i < F32_TILE * F32_DEPTH; i += blockDim.x) {
      // Neighbouring threads read neighbouring numbers.
      const u32 ra = p.isATransposed ? i % F32_TILE : i / F32_DEPTH, ka = p.isATransposed ? i / F32_TILE : i % F32_DEPTH;
      const u32 rb = p.isBTransposed ? i % F32_TILE : i / F32_DEPTH, kb = p.isBTransposed ? i / F32_TILE : i % F32_DEPTH;
      as[ka][ra] = elementOfA(p, row + ra, at + ka, end);
      bs[kb][rb] = elementOfB(p, column + rb, at + kb, end);
    }
    __syncthreads();
    UNROLL for (int depth = 0; depth < F32_DEPTH; depth++) {
      UNROLL for (int i = 0; i < 4; i++) {
        UNROLL for (int j = 0; j < 4; j++) sums[i][j] += as[depth][y + i] * bs[depth][x + j];
      }
    }
    __syncthreads();
  }
  UNROLL for (int i = 0; i < 4; i++) {
    UNROLL for (int j = 0; j < 4; j++) storeC(p, row + y + i, column + x + j, sums[i][j]);
  }
}
REGISTER(productF32)

// c [count] = Σ over splits of partial [splits, count], added to what c holds where `adding`.
KERNEL void sumOfSplits(const float* partial, u32 splits, float* c, i32 adding, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    float sum = adding ? c[i] : 0.f;
    for (u32 split = 0; split < splits; split++) sum += partial[split * count + i];
    c[i] = sum;
  }
}
REGISTER(sumOfSplits)
