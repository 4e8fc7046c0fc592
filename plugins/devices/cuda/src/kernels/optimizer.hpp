// The step of the optimizer.
#pragma once
#include "../gpu.hpp"

// AdamW (arXiv 1711.05101). The factors are computed in double and rounded once, in kernels/optimizer.ts.
KERNEL void adamw(const float* value, const float* gradient, const float* mean, const float* square, float clip, float beta1,
                  float rest1, float beta2, float rest2, float kept, float rate, float root, float epsilon, float* newValue,
                  float* newMean, float* newSquare, u64 count) {
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    const float g = gradient[i] * clip;
    const float m = mean[i] * beta1 + g * rest1;
    const float v = square[i] * beta2 + g * g * rest2;
    newMean[i] = m;
    newSquare[i] = v;
    newValue[i] = value[i] * kept - rate * m / (sqrtf(v) / root + epsilon);
  }
}
REGISTER(adamw)

// sums [gridDim.x]: the sum of squares of what each block reads, in double.
KERNEL void sumOfSquares(const void* x, i32 xType, double* sums, u64 count) {
  SHARED double perThread[256];
  double sum = 0;
  for (u64 i = threadIndex(); i < count; i += threadCount()) {
    const double v = load(x, xType, i);
    sum += v * v;
  }
  perThread[threadIdx.x] = sum;
  for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) perThread[threadIdx.x] += perThread[threadIdx.x + half];
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = perThread[0];
}
REGISTER(sumOfSquares)

// y = sqrt(Σ sums)
KERNEL void rootOfSum(const double* sums, u64 count, float* y) {
  double sum = 0;
  for (u64 i = 0; i < count; i++) sum += sums[i];
  *y = (float)sqrt(sum);
}
REGISTER(rootOfSum)
