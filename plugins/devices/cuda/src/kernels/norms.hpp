// Norms over rows. A block has a row; statistics are fp32.
#pragma once
#include "../gpu.hpp"

// Calls body(column) with every fourth column of a row, for the threads of the block.
template <class Body>
DEVICE void forFoursOfRow(u64 columns, Body body) {
  for (u64 i = threadIdx.x * 4; i < columns; i += blockDim.x * 4) body(i);
}
DEVICE float sumOfFour(float4 v) { return v.x + v.y + v.z + v.w; }
DEVICE float4 times(float4 a, float4 b) { return {a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w}; }
DEVICE float4 times(float4 a, float b) { return {a.x * b, a.y * b, a.z * b, a.w * b}; }
DEVICE float4 minus(float4 a, float4 b) { return {a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w}; }
// A row of an array, as loadUpToFour and storeUpToFour take it. Rows of a number of columns that is no multiple of 4 lie anywhere.
DEVICE const void* rowAt(const void* x, i32 type, u64 start) { return (const char*)x + start * (type == F32 ? 4 : 2); }

// y = x / sqrt(mean(x²) + epsilon) · weight
KERNEL void rmsNorm(const void* x, i32 xType, const float* weight, float epsilon, void* y, i32 yType, u64 columns) {
  const u64 start = blockIdx.x * columns;
  const void* row = rowAt(x, xType, start);
  void* target = (void*)rowAt(y, yType, start);
  float squares = 0;
  forFoursOfRow(columns, [&](u64 i) {
    const float4 v = loadUpToFour(row, xType, i, columns);
    squares += sumOfFour(times(v, v));
  });
  const float scale = 1.f / sqrtf(sumOverBlock(squares) / columns + epsilon);
  forFoursOfRow(columns, [&](u64 i) {
    const float4 v = loadUpToFour(row, xType, i, columns), w = loadUpToFour(weight, F32, i, columns);
    storeUpToFour(target, yType, i, columns, times(times(v, scale), w));
  });
}
REGISTER(rmsNorm)

// dx = scale · (dy · weight − x · scale² · mean(dy · weight · x)); scales [rows] is kept for the gradient of the weight.
KERNEL void rmsNormGradient(const void* x, i32 xType, const float* weight, const void* dy, i32 dyType, float epsilon, float* dx,
                            float* scales, u64 columns) {
  const u64 start = blockIdx.x * columns;
  const void *row = rowAt(x, xType, start), *given = rowAt(dy, dyType, start);
  float squares = 0, product = 0;
  forFoursOfRow(columns, [&](u64 i) {
    const float4 v = loadUpToFour(row, xType, i, columns), w = loadUpToFour(weight, F32, i, columns);
    squares += sumOfFour(times(v, v));
    product += sumOfFour(times(times(loadUpToFour(given, dyType, i, columns), w), v));
  });
  const float scale = 1.f / sqrtf(sumOverBlock(squares) / columns + epsilon);
  const float mean = sumOverBlock(product) / columns;
  forFoursOfRow(columns, [&](u64 i) {
    const float4 v = loadUpToFour(row, xType, i, columns), w = loadUpToFour(weight, F32, i, columns);
    const float4 d = times(loadUpToFour(given, dyType, i, columns), w);
    storeUpToFour(dx + start, F32, i, columns, times(minus(d, times(v, scale * scale * mean)), scale));
  });
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
}
REGISTER(rmsNormGradient)

// dweight = Σ over rows dy · (x − mean) · scale, and dbias = Σ dy, where they are not null. `means` may be null: 0. A thread
// has a column; partial sums as columnSums makes them.
KERNEL void normWeightGradient(const void* x, i32 xType, const void* dy, i32 dyType, const float* means, const float* scales,
                               float* dweight, float* dbias, u64 rows, u64 columns) {
  const u64 column = threadIndex();
  if (column >= columns) return;
  float ofWeight = 0, ofBias = 0;
  for (u64 row = blockIdx.y; row < rows; row += gridDim.y) {
    const float d = load(dy, dyType, row * columns + column);
    const float mean = means ? means[row] : 0.f;
    ofWeight += d * (load(x, xType, row * columns + column) - mean) * scales[row];
    ofBias += d;
  }
  if (dweight) dweight[blockIdx.y * columns + column] = ofWeight;
  if (dbias) dbias[blockIdx.y * columns + column] = ofBias;
}
REGISTER(normWeightGradient)

DEVICE void rowStatistics(const void* x, i32 xType, u64 start, u64 columns, float epsilon, float* mean, float* scale) {
  float sum = 0;
  for (u64 i = threadIdx.x; i < columns; i += blockDim.x) sum += load(x, xType, start + i);
  *mean = sumOverBlock(sum) / columns;
  float squares = 0;
  for (u64 i = threadIdx.x; i < columns; i += blockDim.x) {
    const float v = load(x, xType, start + i) - *mean;
    squares += v * v;
  }
  *scale = 1.f / sqrtf(sumOverBlock(squares) / columns + epsilon);
}

// y = (x − mean(x)) / sqrt(variance(x) + epsilon) · weight + bias
KERNEL void layerNorm(const void* x, i32 xType, const float* weight, const float* bias, float epsilon, void* y, i32 yType,
                      u64 columns) {
  const u64 start = blockIdx.x * columns;
  float mean, scale;
  rowStatistics(x, xType, start, columns, epsilon, &mean, &scale);
  for (u64 i = threadIdx.x; i < columns; i += blockDim.x) {
    store(y, yType, start + i, (load(x, xType, start + i) - mean) * scale * weight[i] + bias[i]);
  }
}
REGISTER(layerNorm)

// dx, with means and scales [rows] kept for the gradients of weight and bias.
KERNEL void layerNormGradient(const void* x, i32 xType, const float* weight, const void* dy, i32 dyType, float epsilon,
                              float* dx, float* means, float* scales, u64 columns) {
  const u64 start = blockIdx.x * columns;
  float mean, scale;
  rowStatistics(x, xType, start, columns, epsilon, &mean, &scale);
  float sum = 0, product = 0;
  for (u64 i = threadIdx.x; i < columns; i += blockDim.x) {
    const float d = load(dy, dyType, start + i) * weight[i];
    sum += d;
    product += d * (load(x, xType, start + i) - mean) * scale;
  }
  const float meanOfD = sumOverBlock(sum) / columns;
  const float meanOfProduct = sumOverBlock(product) / columns;
  for (u64 i = threadIdx.x; i < columns; i += blockDim.x) {
    const float normal = (load(x, xType, start + i) - mean) * scale;
    dx[start + i] = scale * (load(dy, dyType, start + i) * weight[i] - meanOfD - normal * meanOfProduct);
  }
  if (threadIdx.x == 0) {
    means[blockIdx.x] = mean;
    scales[blockIdx.x] = scale;
  }
}
REGISTER(layerNormGradient)
