// Cross-entropy over rows of logits. A block has a row.
#pragma once
#include "../gpu.hpp"

DEVICE float logSumOfRow(const void* logits, i32 type, u64 start, u64 vocabulary) {
  float largest = -INFINITY;
  for (u64 i = threadIdx.x; i < vocabulary; i += blockDim.x) largest = fmaxf(largest, load(logits, type, start + i));
  largest = maximumOverBlock(largest);
  float sum = 0;
  for (u64 i = threadIdx.x; i < vocabulary; i += blockDim.x) sum += expf(load(logits, type, start + i) - largest);
  return logf(sumOverBlock(sum)) + largest;
}

// y [tokens] = logit[label] − logsumexp; logSums [tokens] is kept for the gradient.
KERNEL void logProbabilities(const void* logits, i32 type, u64 vocabulary, const i32* labels, float* y, float* logSums) {
  const u64 start = blockIdx.x * vocabulary;
  const float logSum = logSumOfRow(logits, type, start, vocabulary);
  if (threadIdx.x == 0) {
    y[blockIdx.x] = load(logits, type, start + labels[blockIdx.x]) - logSum;
    logSums[blockIdx.x] = logSum;
  }
}
REGISTER(logProbabilities)

// dlogits = dy · (onehot(label) − softmax)
KERNEL void logProbabilitiesGradient(const void* logits, i32 type, u64 vocabulary, const i32* labels, const float* logSums,
                                     const float* dy, float* dlogits) {
  const u64 start = blockIdx.x * vocabulary;
  const float logSum = logSums[blockIdx.x], d = dy[blockIdx.x];
  for (u64 i = threadIdx.x; i < vocabulary; i += blockDim.x) {
    const float probability = expf(load(logits, type, start + i) - logSum);
    dlogits[start + i] = d * ((i == (u64)labels[blockIdx.x] ? 1.f : 0.f) - probability);
  }
}
REGISTER(logProbabilitiesGradient)

// losses [tokens] = logsumexp − logit[label]; dlogits = softmax − onehot(label), unless it is null. It may be the logits' memory.
KERNEL void crossEntropy(const float* logits, u64 vocabulary, const i32* labels, float* losses, void* dlogits, i32 dType) {
  const u64 start = blockIdx.x * vocabulary;
  const u64 label = labels[blockIdx.x];
  const float logSum = logSumOfRow(logits, F32, start, vocabulary);
  if (threadIdx.x == 0) losses[blockIdx.x] = logSum - logits[start + label];
  __syncthreads();
  if (!dlogits) return;
  for (u64 i = threadIdx.x; i < vocabulary; i += blockDim.x) {
    store(dlogits, dType, start + i, expf(logits[start + i] - logSum) - (i == label ? 1.f : 0.f));
  }
}
REGISTER(crossEntropy)

// y = Σ x, in double, in a fixed order. One block.
KERNEL void sum(const float* x, u64 count, float* y) {
  SHARED double perThread[256];
  double total = 0;
  for (u64 i = threadIdx.x; i < count; i += blockDim.x) total += x[i];
  perThread[threadIdx.x] = total;
  for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) perThread[threadIdx.x] += perThread[threadIdx.x + half];
  }
  if (threadIdx.x == 0) *y = (float)perThread[0];
}
REGISTER(sum)
