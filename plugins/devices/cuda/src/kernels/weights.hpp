// Frozen weights as they are stored, and their numbers.
#pragma once
#include "../gpu.hpp"

// A matrix [rows, columns]. int8: `scales` [rows]. nf4: two codes a byte, the first in the high half; a block of 64 numbers,
// across rows, has the absmax scales[block], or, where there are scaleCodes, codebook[scaleCodes[block]] · scales[block / 256]
// + offset.
struct Weight {
  i32 storage;
  u64 rows, columns;
  const void* data;
  const float* scales;
  const u8* scaleCodes;
  const float* codebook;
  float offset;
};

// A kernel takes a weight as plain arguments, in this order.
#define WEIGHT_PARAMETERS                                                                                                 \
  i32 weightStorage, u64 weightRows, u64 weightColumns, const void *weightData, const float *weightScales,                \
      const u8 *weightScaleCodes, const float *weightCodebook, float weightOffset
#define WEIGHT_ARGUMENTS \
  { weightStorage, weightRows, weightColumns, weightData, weightScales, weightScaleCodes, weightCodebook, weightOffset }

// 4-bit NormalFloat (QLoRA, arXiv 2305.14314).
CONSTANT float kNormalFloat4[16] = {
    -1.f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.f,
    0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.f};

DEVICE float absmaxOf(const Weight& w, u64 block) {
  if (!w.scaleCodes) return w.scales[block];
  // Rounded before the sum, as bitsandbytes does: no fused multiply-add.
#ifdef __CUDACC__
  return __fadd_rn(__fmul_rn(w.codebook[w.scaleCodes[block]], w.scales[block / 256]), w.offset);
#else
  const volatile float product = w.codebook[w.scaleCodes[block]] * w.scales[block / 256];
  return product + w.offset;
#endif
}

DEVICE float element(const Weight& w, u64 row, u64 column) {
  const u64 i = row * w.columns + column;
  switch (w.storage) {
    case F32: return ((const float*)w.data)[i];
    case BF16: return bf16ToFloat(((const u16*)w.data)[i]);
    case F16: return halfToFloat(((const u16*)w.data)[i]);
    case INT8: return (float)((const i8*)w.data)[i] * w.scales[row];
    default: {
      const u32 pair = ((const u8*)w.data)[i / 2];
      return kNormalFloat4[i % 2 ? pair & 15 : pair >> 4] * absmaxOf(w, i / 64);
    }
  }
}

// Numbers i … i + 7, where the matrix has a multiple of 8 columns. `normalFloat4` is kNormalFloat4 in shared memory: constant memory
// answers the lanes of a warp one after another where they ask for different numbers.
DEVICE void eightElements(const Weight& w, u64 i, const float* normalFloat4, float* v) {
  if (w.storage == INT8) {
    const uint2 bytes = *(const uint2*)((const i8*)w.data + i);
    const float scale = w.scales[i / w.columns];
    UNROLL for (u32 e = 0; e < 8; e++) v[e] = (float)(i8)((e < 4 ? bytes.x : bytes.y) >> e % 4 * 8) * scale;
  } else if (w.storage == NF4) {
    const u32 codes = *(const u32*)((const u8*)w.data + i / 2);
    const float absmax = absmaxOf(w, i / 64);
    // The first of a byte's two codes is in its high half.
    UNROLL for (u32 e = 0; e < 8; e++) v[e] = normalFloat4[codes >> (e ^ 1) * 4 & 15] * absmax;
  } else if (w.storage == F16) {
    UNROLL for (u32 e = 0; e < 8; e++) v[e] = halfToFloat(((const u16*)w.data)[i + e]);
  } else {
    const float4 low = loadFour(w.data, w.storage, i), high = loadFour(w.data, w.storage, i + 4);
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
    v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  }
}

// Rows start … start + rows − 1 in another type: what the products read.
KERNEL void decodeWeight(WEIGHT_PARAMETERS, u64 start, u64 rows, void* y, i32 yType) {
  const Weight w = WEIGHT_ARGUMENTS;
  if (w.columns % 8 != 0) {
    for (u64 i = threadIndex(); i < rows * w.columns; i += threadCount()) {
      store(y, yType, i, element(w, start + i / w.columns, i % w.columns));
    }
    return;
  }
  SHARED float normalFloat4[16];
  if (threadIdx.x < 16) normalFloat4[threadIdx.x] = kNormalFloat4[threadIdx.x];
  __syncthreads();
  const u64 before = start * w.columns;
  for (u64 i = threadIndex() * 8; i < rows * w.columns; i += threadCount() * 8) {
    float v[8];
    eightElements(w, before + i, normalFloat4, v);
    if (yType == BF16) {
      *(uint4*)((u16*)y + i) = {packBf16(v[0], v[1]), packBf16(v[2], v[3]), packBf16(v[4], v[5]), packBf16(v[6], v[7])};
    } else {
      storeFour(y, F32, i, {v[0], v[1], v[2], v[3]});
      storeFour(y, F32, i + 4, {v[4], v[5], v[6], v[7]});
    }
  }
}
REGISTER(decodeWeight)
