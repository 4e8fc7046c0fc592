// Few rows times a stored weight, which is read once: decoding takes as long as that.
#pragma once
#include "weights.hpp"

#define FEW_ROWS 8

// In fp32. x [rows ≤ 8, columns], y [rows, out] + bias: a warp has a row of the weight.
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

// In bf16 on the tensor cores, of weights in bf16, int8 and nf4 whose columns are a multiple of 64. A block has 16 or 32 rows of
// the weight, which are the left operand's; its 8 warps go along them in turns, 64 columns at a time. Nothing goes through shared
// memory: a product does not ask in which order its terms come, so a lane takes the 16 neighbouring numbers of a row that it
// reads at once for those that the operand's layout gives it, and the same of x.
#define STEP 64
#define OF_A_LANE 16
#define WARPS 8
#define NF4_PAIRS 256

// Four int8 as two pairs. A byte b + 128 in the last place of 2²³ is the number 2²³ + 128 + b.
DEVICE void int8Pairs(u32* pairs, u32 bytes) {
  bytes ^= 0x80808080u;
  float v[4];
  UNROLL for (u32 i = 0; i < 4; i++) v[i] = asFloat(pickBytes(bytes, 0x4b000000u, 0x7440 | i)) - 8388736.f;
  pairs[0] = packBf16(v[0], v[1]);
  pairs[1] = packBf16(v[2], v[3]);
}

// Numbers i … i + 15 of a stored matrix as pairs of bf16: without their scales.
template <i32 storage>
DEVICE void readPairs(u32* pairs, const Weight& w, u64 i, const u32* nf4Pairs) {
  if (storage == BF16) {
    const uint4 *source = (const uint4*)((const u16*)w.data + i), low = source[0], high = source[1];
    const u32 each[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    UNROLL for (int p = 0; p < 8; p++) pairs[p] = each[p];
  } else if (storage == INT8) {
    const uint4 bytes = *(const uint4*)((const i8*)w.data + i);
    const u32 each[4] = {bytes.x, bytes.y, bytes.z, bytes.w};
    UNROLL for (int p = 0; p < 4; p++) int8Pairs(pairs + 2 * p, each[p]);
  } else {
    const uint2 codes = *(const uint2*)((const u8*)w.data + i / 2);
    UNROLL for (int p = 0; p < 8; p++) pairs[p] = nf4Pairs[(p < 4 ? codes.x : codes.y) >> p % 4 * 8 & 255];
  }
}
DEVICE void readPairsOfX(u32* pairs, const void* x, i32 type, u64 i) {
  if (type == BF16) {
    const uint4 *source = (const uint4*)((const u16*)x + i), low = source[0], high = source[1];
    const u32 each[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    UNROLL for (int p = 0; p < 8; p++) pairs[p] = each[p];
  } else {
    UNROLL for (int p = 0; p < 8; p += 2) {
      const float4 four = loadFour(x, F32, i + 2 * p);
      pairs[p] = packBf16(four.x, four.y);
      pairs[p + 1] = packBf16(four.z, four.w);
    }
  }
}

// `high` times 16 rows of the weight, `wide` times 8 rows of x.
template <i32 storage, u32 high, u32 wide>
DEVICE void multiplyFewRows(u32* nf4Pairs, float (*perWarp)[16 * high][8 * wide], const Weight& w, const void* x, i32 xType, u32 rows,
                            const float* bias, void* y, i32 yType) {
  const u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const u64 first = (u64)blockIdx.x * 16 * high;
  if (storage == NF4) {
    nf4Pairs[threadIdx.x] = packBf16(kNormalFloat4[threadIdx.x >> 4], kNormalFloat4[threadIdx.x & 15]);
    __syncthreads();
  }
  float sums[high][wide][4];
  UNROLL for (u32 i = 0; i < high; i++) {
    UNROLL for (u32 j = 0; j < wide; j++) {
      UNROLL for (int e = 0; e < 4; e++) sums[i][j][e] = 0;
    }
  }
  // A lane reads of rows g and g + 8; beyond the last row it reads the last.
  u64 row[high][2];
  UNROLL for (u32 i = 0; i < 2 * high; i++) {
    const u64 wanted = first + 8 * i + g;
    row[i / 2][i % 2] = wanted < w.rows ? wanted : w.rows - 1;
  }
#ifdef __CUDACC__
#pragma unroll(wide == 1 ? 2 : 1)
#endif
  for (u64 at = warp * STEP; at < w.columns; at += WARPS * STEP) {
    u32 left[high][2][8];
    UNROLL for (u32 i = 0; i < high; i++) {
      UNROLL for (int half = 0; half < 2; half++) {
        readPairs<storage>(left[i][half], w, row[i][half] * w.columns + at + t * OF_A_LANE, nf4Pairs);
      }
    }
    UNROLL for (u32 j = 0; j < wide; j++) {
      u32 right[8] = {0, 0, 0, 0, 0, 0, 0, 0};
      if (8 * j + g < rows) readPairsOfX(right, x, xType, (8 * j + g) * w.columns + at + t * OF_A_LANE);
      UNROLL for (u32 i = 0; i < high; i++) {
        float part[4] = {0, 0, 0, 0};
        float* target = storage == NF4 ? part : sums[i][j];
        UNROLL for (int step = 0; step < 8; step += 2) {
          const u32 tile[4] = {left[i][0][step], left[i][1][step], left[i][0][step + 1], left[i][1][step + 1]};
          multiplyTiles(target, tile, right + step);
        }
        if (storage == NF4) {
          // A step is a block of one scale.
          UNROLL for (int e = 0; e < 4; e++) {
            sums[i][j][e] += part[e] * absmaxOf(w, (row[i][e / 2] * w.columns + at) / 64);
          }
        }
      }
    }
  }
  UNROLL for (u32 i = 0; i < high; i++) {
    UNROLL for (u32 j = 0; j < wide; j++) {
      UNROLL for (u32 e = 0; e < 4; e++) perWarp[warp][16 * i + g + e / 2 * 8][8 * j + 2 * t + e % 2] = sums[i][j][e];
    }
  }
  __syncthreads();
  for (u32 i = threadIdx.x; i < 16 * high * 8 * wide; i += blockDim.x) {
    const u32 r = i % (16 * high), token = i / (16 * high);
    const u64 out = first + r;
    if (out >= w.rows || token >= rows) continue;
    float sum = 0;
    UNROLL for (int each = 0; each < WARPS; each++) sum += perWarp[each][r][token];
    if (storage == INT8) sum *= w.scales[out];
    store(y, yType, token * w.rows + out, sum + (bias ? bias[out] : 0.f));
  }
}

template <u32 high, u32 wide>
DEVICE void multiplyFewRows(const Weight& w, const void* x, i32 xType, u32 rows, const float* bias, void* y, i32 yType) {
  SHARED u32 pairs[NF4_PAIRS];
  SHARED float perWarp[WARPS][16 * high][8 * wide];
  if (w.storage == BF16) multiplyFewRows<BF16, high, wide>(pairs, perWarp, w, x, xType, rows, bias, y, yType);
  else if (w.storage == INT8) multiplyFewRows<INT8, high, wide>(pairs, perWarp, w, x, xType, rows, bias, y, yType);
  else multiplyFewRows<NF4, high, wide>(pairs, perWarp, w, x, xType, rows, bias, y, yType);
}

// Up to 8 rows of x; a block has 16 rows of the weight.
KERNEL BOUNDS(256, 3) void fewRowsBf16(WEIGHT_PARAMETERS, const void* x, i32 xType, u32 rows, const float* bias, void* y, i32 yType) {
  const Weight w = WEIGHT_ARGUMENTS;
  multiplyFewRows<1, 1>(w, x, xType, rows, bias, y, yType);
}
REGISTER(fewRowsBf16)

// Up to 32 rows of x; a block has 32 rows of the weight.
KERNEL BOUNDS(256, 2) void moreRowsBf16(WEIGHT_PARAMETERS, const void* x, i32 xType, u32 rows, const float* bias, void* y, i32 yType) {
  const Weight w = WEIGHT_ARGUMENTS;
  multiplyFewRows<2, 4>(w, x, xType, rows, bias, y, yType);
}
REGISTER(moreRowsBf16)
