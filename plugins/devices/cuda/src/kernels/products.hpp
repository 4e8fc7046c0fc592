// Products of matrices: C [m, n] = factor · A [m, k] B [k, n] + bias [n] (or null), added to what C holds where `adding`.
//
// A is stored as [m, k], or as [k, m] where it is transposed; B as [n, k], as a linear layer's weight is, or as [k, n] where it is
// transposed. `batch` matrices lie behind each other (blockIdx.z). With `splits` above 1, blockIdx.z is instead a part of k, and
// C is [splits, m, n], to be summed by sumOfSplits: for a small result of many numbers.
#pragma once
#include "../gpu.hpp"
#include "weights.hpp"

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
    const u64 each = (p.k + p.splits - 1) / p.splits;
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

// In bf16 with fp32 sums, on the tensor cores: a block of 256 threads has 128 × 128 of C, each of its 8 warps 64 × 32.
#define TILE 128
#define DEPTH 32
// Rows of a tile are as far apart that eight lanes of different rows read different banks.
#define PITCH (DEPTH + 8)

// 128 rows × 32 of one operand to shared memory as bf16, in rows along k. Where both lie well, 16 bytes at a time in the background.
DEVICE void fetchTile(u16* tile, const void* x, i32 type, bool isTransposed, u64 rows, u64 k, u64 row, u64 at, u64 end) {
  const bool isAligned = type == BF16 && !isTransposed && k % 8 == 0 && end % 8 == 0 && (u64)x % 16 == 0;
  if (isAligned) {
    for (u32 i = threadIdx.x; i < TILE * DEPTH / 8; i += blockDim.x) {
      const u32 r = i / (DEPTH / 8), c = i % (DEPTH / 8) * 8;
      u16* target = tile + r * PITCH + c;
      if (row + r < rows && at + c < end) {
        copyAsync16(target, (const u16*)x + (row + r) * k + at + c);
      } else {
        *(uint4*)target = {0, 0, 0, 0};
      }
    }
  } else {
    for (u32 i = threadIdx.x; i < TILE * DEPTH / 2; i += blockDim.x) {
      const u32 r = isTransposed ? i % TILE : i / (DEPTH / 2), c = (isTransposed ? i / TILE : i % (DEPTH / 2)) * 2;
      float pair[2];
      UNROLL for (int j = 0; j < 2; j++) {
        const bool isWithin = row + r < rows && at + c + j < end;
        const u64 index = isTransposed ? (at + c + j) * rows + row + r : (row + r) * k + at + c + j;
        pair[j] = isWithin ? load(x, type, index) : 0.f;
      }
      *(u32*)(tile + r * PITCH + c) = packBf16(pair[0], pair[1]);
    }
  }
  commitCopies();
}

KERNEL void productBf16(PRODUCT_PARAMETERS) {
  Product p = PRODUCT_ARGUMENTS;
  u64 start, end;
  locate(p, &start, &end);
  SHARED u16 as[2][TILE * PITCH];
  SHARED u16 bs[2][TILE * PITCH];
  const u64 row = (u64)blockIdx.y * TILE, column = (u64)blockIdx.x * TILE;
  const u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const u32 y = warp % 2 * 64, x = warp / 2 * 32;
  float sums[4][4][4];
  UNROLL for (int i = 0; i < 4; i++) {
    UNROLL for (int j = 0; j < 4; j++) {
      UNROLL for (int e = 0; e < 4; e++) sums[i][j][e] = 0;
    }
  }
  auto fetch = [&](u64 at, int stage) {
    fetchTile(as[stage], p.a, p.aType, p.isATransposed, p.m, p.k, row, at, end);
    fetchTile(bs[stage], p.b, p.bType, p.isBTransposed, p.n, p.k, column, at, end);
  };
  if (start < end) fetch(start, 0);
  int stage = 0;
  for (u64 at = start; at < end; at += DEPTH, stage ^= 1) {
    if (at + DEPTH < end) {
      fetch(at + DEPTH, stage ^ 1);
      waitForCopies<2>();
    } else {
      waitForCopies<0>();
    }
    __syncthreads();
    for (int depth = 0; depth < DEPTH; depth += 16) {
      u32 left[4][4], right[4][2];
      UNROLL for (int i = 0; i < 4; i++) {
        const u16* at0 = as[stage] + (y + 16 * i + g) * PITCH + depth + 2 * t;
        left[i][0] = *(const u32*)at0;
        left[i][1] = *(const u32*)(at0 + 8 * PITCH);
        left[i][2] = *(const u32*)(at0 + 8);
        left[i][3] = *(const u32*)(at0 + 8 * PITCH + 8);
      }
      UNROLL for (int j = 0; j < 4; j++) {
        const u16* at0 = bs[stage] + (x + 8 * j + g) * PITCH + depth + 2 * t;
        right[j][0] = *(const u32*)at0;
        right[j][1] = *(const u32*)(at0 + 8);
      }
      UNROLL for (int i = 0; i < 4; i++) {
        UNROLL for (int j = 0; j < 4; j++) multiplyTiles(sums[i][j], left[i], right[j]);
      }
    }
    __syncthreads();
  }
  UNROLL for (int i = 0; i < 4; i++) {
    UNROLL for (int j = 0; j < 4; j++) {
      UNROLL for (int e = 0; e < 4; e++) {
        storeC(p, row + y + 16 * i + g + (e >= 2 ? 8 : 0), column + x + 8 * j + 2 * t + e % 2, sums[i][j][e]);
      }
    }
  }
}
REGISTER(productBf16)

// c [count] = Σ over splits of partial [splits, count], added to what c holds where `adding`.
KERNEL void sumOfSplits(const float* partial, u32 splits, float* c, i32 adding, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    float sum = adding ? c[i] : 0.f;
    for (u32 split = 0; split < splits; split++) sum += partial[split * count + i];
    c[i] = sum;
  }
}
REGISTER(sumOfSplits)

// Few rows of x [rows ≤ 8, columns] times a stored weight, y [rows, out] + bias: a warp has a row of the weight, which it reads once.
#define FEW_ROWS 8

KERNEL void fewRows(WEIGHT_PARAMETERS, const void* x, i32 xType, u32 rows, const float* bias, void* y, i32 yType) {
  const Weight w = WEIGHT_ARGUMENTS;
  const u64 out = (u64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  const u32 lane = threadIdx.x % 32;
  // A warp beyond the last row goes along, for the shuffles.
  const u64 row = out < w.rows ? out : w.rows - 1;
  float sums[FEW_ROWS];
  UNROLL for (int i = 0; i < FEW_ROWS; i++) sums[i] = 0;
  for (u64 column = lane; column < w.columns; column += 32) {
    const float v = element(w, row, column);
    UNROLL for (u32 i = 0; i < FEW_ROWS; i++) {
      if (i < rows) sums[i] += v * load(x, xType, i * w.columns + column);
    }
  }
  UNROLL for (u32 i = 0; i < FEW_ROWS; i++) {
    for (int mask = 16; mask > 0; mask >>= 1) sums[i] += shuffleXor(sums[i], mask);
    if (lane == 0 && i < rows && out < w.rows) {
      store(y, yType, i * w.rows + out, sums[i] + (bias ? bias[out] : 0.f));
    }
  }
}
REGISTER(fewRows)
