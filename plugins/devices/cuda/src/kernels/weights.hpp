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

// Rows start … start + rows − 1 in another type: what the products read.
KERNEL void decodeWeight(WEIGHT_PARAMETERS, u64 start, u64 rows, void* y, i32 yType) {
  const Weight w = WEIGHT_ARGUMENTS;
  for (u64 i = threadIndex(); i < rows * w.columns; i += threadCount()) {
    store(y, yType, i, element(w, start + i / w.columns, i % w.columns));
  }
}
REGISTER(decodeWeight)
