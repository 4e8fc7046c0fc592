// fp32 -> codes of a table, block by block, as bitsandbytes quantizes: the same numbers as plugins/quantizers/nf4.
#pragma once
#include <algorithm>
#include <atomic>

#include "../threads.hpp"
#include "decode.hpp"

namespace evolve {
namespace {

/** Of 16 codes. */
constexpr int64_t kMiddles = 15;

/** By less than this nothing is divided, so that a block of zeros stays one. */
constexpr float kSmallestDivisor = 1e-38f;

/**
 * Scales a block to −1 … 1 in place, and returns the absmax to store, or what is not finite. A block cut short is
 * divided by its absmax, one of `whole` numbers multiplied by the reciprocal.
 */
inline float normalizeBlock(float* values, int64_t count, int64_t whole) {
  vf most{}, zeros{};
  int64_t i = 0;
  for (; i + W <= count; i += W) {
    const vf value = load(values + i);
    most = maximum(absolute(value), most);
    zeros += value * 0.0f;
  }
  float largest = maximumOf(most), zero = sum(zeros);
  for (; i < count; i++) {
    largest = std::max(largest, std::abs(values[i]));
    zero += values[i] * 0.0f;
  }
  // Infinity and NaN times 0 are NaN, which no sum loses.
  if (zero != 0) return zero;
  const float divisor = std::max(largest, kSmallestDivisor);
  if (count < whole) {
    for (i = 0; i < count; i++) values[i] /= divisor;
    return divisor;
  }
  const float inverse = 1 / divisor;
  for (i = 0; i < count; i++) values[i] *= inverse;
  return largest;
}

/** Codes of 4 bits, two a byte: how many of the middles lie below each of the block's numbers. */
inline void encodeNf4(const float* values, int64_t count, const float* middles, uint8_t* codes) {
  alignas(64) int32_t below[kNormalFloatBlock];
  for (int64_t i = 0; i < kNormalFloatBlock; i += W) {
    const vf value = load(values + i);
    vi sum{};
    for (int m = 0; m < kMiddles; m++) sum -= value > set(middles[m]);
    std::memcpy(below + i, &sum, sizeof sum);
  }
  for (int64_t i = 0; i < count; i += 2) codes[i / 2] = static_cast<uint8_t>(below[i] << 4 | below[i + 1]);
}

/** As kernels.hpp says. */
inline bool quantizeNf4(const Weight& w, const float* middles, uint8_t* codes, float* absmax) {
  constexpr int64_t kTask = 256 * kNormalFloatBlock;
  const int64_t size = w.rows * w.columns;
  std::atomic<bool> finite{true};
  parallelFor((size + kTask - 1) / kTask, size * kMiddles, [&](int64_t task, int) {
    for (int64_t at = task * kTask; at < std::min(size, (task + 1) * kTask); at += kNormalFloatBlock) {
      // An odd last number is followed by the code of 0.
      alignas(64) float values[kNormalFloatBlock] = {};
      const int64_t count = std::min(kNormalFloatBlock, size - at);
      WeightSource{w}.read(0, at, count, values);
      const float largest = normalizeBlock(values, count, kNormalFloatBlock);
      if (!std::isfinite(largest)) finite = false;
      absmax[at / kNormalFloatBlock] = largest;
      encodeNf4(values, count, middles, codes + at / 2);
    }
  });
  return finite;
}

/** As kernels.hpp says. */
inline void quantizeDynamic(float* values, int64_t count, const float* middles, uint8_t* codes, float* absmax) {
  const int64_t blocks = (count + kNestedBlock - 1) / kNestedBlock;
  parallelFor(blocks, kTouch * count, [&](int64_t block, int) {
    const int64_t start = block * kNestedBlock;
    const int64_t stop = std::min(count, start + kNestedBlock);
    absmax[block] = normalizeBlock(values + start, stop - start, kNestedBlock);
    for (int64_t i = start; i < stop; i++)
      codes[i] = static_cast<uint8_t>(std::lower_bound(middles, middles + 255, values[i]) - middles);
  });
}

}  // namespace
}  // namespace evolve
