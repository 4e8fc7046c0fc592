// Element by element.
#pragma once
#include "../gpu.hpp"

// y = a + b
KERNEL void add(const void* a, i32 aType, const void* b, i32 bType, void* y, i32 yType, u64 count) {
  forFours(count, [&](u64 i) {
    const float4 left = loadUpToFour(a, aType, i, count), right = loadUpToFour(b, bType, i, count);
    storeUpToFour(y, yType, i, count, ofEach([](float l, float r) { return l + r; }, left, right));
  });
}
REGISTER(add)

// y = a · factor
KERNEL void scale(const void* a, i32 aType, float factor, void* y, i32 yType, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) store(y, yType, i, load(a, aType, i) * factor);
}
REGISTER(scale)

// y = a · factor, where the factor is a number on the card
KERNEL void scaleByScalar(const void* a, i32 aType, const float* factor, void* y, i32 yType, u64 count) {
  const float times = *factor;
  forFours(count, [&](u64 i) {
    storeUpToFour(y, yType, i, count, ofEach([=](float v) { return v * times; }, loadUpToFour(a, aType, i, count)));
  });
}
REGISTER(scaleByScalar)

// y = a / divisor, where the divisor is a number on the card
KERNEL void divideByScalar(const void* a, i32 aType, const float* divisor, void* y, i32 yType, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) store(y, yType, i, load(a, aType, i) / *divisor);
}
REGISTER(divideByScalar)

// The same numbers in another type.
KERNEL void convert(const void* x, i32 xType, void* y, i32 yType, u64 count) {
  forFours(count, [&](u64 i) { storeUpToFour(y, yType, i, count, loadUpToFour(x, xType, i, count)); });
}
REGISTER(convert)

KERNEL void fill(float* y, float value, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) y[i] = value;
}
REGISTER(fill)
