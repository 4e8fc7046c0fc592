// Rotary embedding in half form.
#pragma once
#include "../gpu.hpp"

// x [tokens, heads, headDim]; cos and sin [tokens, headDim / 2]. Within each of `parts` equal parts of a head, element i is
// turned with element i + part / 2. `sign` −1 turns back.
KERNEL void rotary(const void* x, i32 xType, const float* cosines, const float* sines, u64 tokens, u64 heads, u64 headDim,
                   u64 parts, float sign, void* y, i32 yType) {
  const u64 half = headDim / parts / 2, pairs = headDim / 2;
  for (u64 i = threadIndex(); i < tokens * heads * pairs; i += threadCount()) {
    const u64 pair = i % pairs, head = i / pairs, token = head / heads;
    const u64 low = head * headDim + pair / half * 2 * half + pair % half;
    const float c = cosines[token * pairs + pair], s = sign * sines[token * pairs + pair];
    const float a = load(x, xType, low), b = load(x, xType, low + half);
    store(y, yType, low, a * c - b * s);
    store(y, yType, low + half, b * c + a * s);
  }
}
REGISTER(rotary)
