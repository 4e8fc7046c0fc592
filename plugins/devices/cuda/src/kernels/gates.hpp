// The activations between two linear layers, with their gradients, and dropout.
#pragma once
#include "../gpu.hpp"

DEVICE float sigmoid(float x) { return 1.f / (1.f + expf(-x)); }

// y = silu(gate) · up
KERNEL void swiglu(const void* gate, i32 gateType, const void* up, i32 upType, void* y, i32 yType, u64 count) {
  forFours(count, [&](u64 i) {
    const float4 g = loadUpToFour(gate, gateType, i, count), u = loadUpToFour(up, upType, i, count);
    storeUpToFour(y, yType, i, count, ofEach([](float g, float u) { return g * sigmoid(g) * u; }, g, u));
  });
}
REGISTER(swiglu)

KERNEL void swigluGradient(const void* gate, i32 gateType, const void* up, i32 upType, const void* dy, i32 dyType, void* dgate,
                           void* dup, i32 yType, u64 count) {
  forFours(count, [&](u64 i) {
    const float4 g = loadUpToFour(gate, gateType, i, count), u = loadUpToFour(up, upType, i, count);
    const float4 d = loadUpToFour(dy, dyType, i, count), s = ofEach(sigmoid, g);
    const float4 slope = ofEach([](float g, float s) { return s * (1.f + g * (1.f - s)); }, g, s);
    const float4 byGate = {d.x * u.x * slope.x, d.y * u.y * slope.y, d.z * u.z * slope.z, d.w * u.w * slope.w};
    storeUpToFour(dgate, yType, i, count, byGate);
    storeUpToFour(dup, yType, i, count, {d.x * g.x * s.x, d.y * g.y * s.y, d.z * g.z * s.z, d.w * g.w * s.w});
  });
}
REGISTER(swigluGradient)

// √(2/π) and the cubic coefficient of GELU's tanh form (arXiv 1606.08415).
#define GELU_SCALE 0.7978845608028654f
#define GELU_CUBIC 0.044715f

KERNEL void gelu(const void* x, i32 xType, void* y, i32 yType, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    const float v = load(x, xType, i);
    store(y, yType, i, .5f * v * (1.f + tanhf(GELU_SCALE * (v + GELU_CUBIC * v * v * v))));
  }
}
REGISTER(gelu)

KERNEL void geluGradient(const void* x, i32 xType, const void* dy, i32 dyType, void* dx, i32 dxType, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    const float v = load(x, xType, i), square = v * v;
    const float t = tanhf(GELU_SCALE * (v + GELU_CUBIC * square * v));
    const float inner = GELU_SCALE * (1.f + 3.f * GELU_CUBIC * square);
    store(dx, dxType, i, load(dy, dyType, i) * (.5f * (1.f + t) + .5f * v * (1.f - t * t) * inner));
  }
}
REGISTER(geluGradient)

// As core/base/random.ts mixes bits.
DEVICE u32 mixBits(u32 x) {
  x = (x ^ x >> 16) * 0x85ebca6bu;
  x = (x ^ x >> 13) * 0xc2b2ae35u;
  return x ^ x >> 16;
}

// Element i is 0 where mix(seed ^ mix(i)) < threshold, else multiplied by `kept`. The mask is computed again, not stored.
KERNEL void dropout(const void* x, i32 xType, u32 threshold, float kept, u32 seed, void* y, i32 yType, u64 count) {
  auto of = [=](float v, u64 i) { return mixBits(seed ^ mixBits((u32)i)) < threshold ? 0.f : v * kept; };
  forFours(count, [&](u64 i) {
    const float4 v = loadUpToFour(x, xType, i, count);
    storeUpToFour(y, yType, i, count, {of(v.x, i), of(v.y, i + 1), of(v.z, i + 2), of(v.w, i + 3)});
  });
}
REGISTER(dropout)
