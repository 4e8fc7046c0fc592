// The blocks in which GGUF keeps quantized numbers -> f16: the same numbers as plugins/checkpoints/gguf/blocks.ts, which
// says what the blocks hold. Source of the layouts: ggml, ggml-common.h.
#pragma once
#include <atomic>

#include "../threads.hpp"
#include "decode.hpp"

namespace evolve {
namespace {

inline float halfAt(const uint8_t* from) {
  uint16_t half;
  std::memcpy(&half, from, 2);
  return halfToFloat(half);
}

inline uint32_t wordAt(const uint8_t* from) {
  uint32_t word;
  std::memcpy(&word, from, 4);
  return word;
}

/** Added to a number it leaves that as it is: 0 would make −0 to 0. */
constexpr float kNoMinimum = -0.0f;

/** 32 numbers of four bits, or five where there are `fifths`: scale · (code − zero) + minimum. */
inline void decodePairs(const uint8_t* pairs, uint32_t fifths, float scale, int zero, float minimum, float* to) {
  for (int i = 0; i < 16; i++) {
    const int low = (pairs[i] & 15) | static_cast<int>(fifths >> i & 1) << 4;
    const int high = pairs[i] >> 4 | static_cast<int>(fifths >> (i + 16) & 1) << 4;
    to[i] = scale * static_cast<float>(low - zero) + minimum;
    to[i + 16] = scale * static_cast<float>(high - zero) + minimum;
  }
}

/** The six-bit scale and minimum of a group of 32: of the first four in a byte of their own, of the others apart. */
inline void groupScales(const uint8_t* from, int group, int& scale, int& minimum) {
  if (group < 4) {
    scale = from[group] & 63;
    minimum = from[group + 4] & 63;
  } else {
    scale = (from[group + 4] & 15) | (from[group - 4] >> 2 & 48);
    minimum = from[group + 4] >> 4 | (from[group] >> 2 & 48);
  }
}

/** Q4_K, and Q5_K where there are `fifths`. */
inline void decodeGroups(const uint8_t* block, const uint8_t* fifths, const uint8_t* pairs, float* to) {
  const float scales = halfAt(block), minimums = halfAt(block + 2);
  for (int group = 0; group < 8; group++) {
    int scaleCode, minimumCode;
    groupScales(block + 4, group, scaleCode, minimumCode);
    const float scale = scales * static_cast<float>(scaleCode);
    const float minimum = minimums * static_cast<float>(minimumCode);
    const uint8_t* from = pairs + 32 * (group / 2);
    for (int i = 0; i < 32; i++) {
      const int fifth = fifths ? (fifths[i] >> group & 1) << 4 : 0;
      const int code = (from[i] >> (4 * (group & 1)) & 15) | fifth;
      to[32 * group + i] = scale * static_cast<float>(code) - minimum;
    }
  }
}

inline void decodeQ6K(const uint8_t* block, float* to) {
  const float whole = halfAt(block + 208);
  for (int group = 0; group < 8; group++) {
    const int side = group / 4, row = group % 4;
    const uint8_t* low = block + 64 * side + 32 * (row & 1);
    const uint8_t* high = block + 128 + 32 * side;
    for (int half = 0; half < 2; half++) {
      const float scale = whole * static_cast<float>(static_cast<int8_t>(block[192 + 2 * group + half]));
      for (int i = 16 * half; i < 16 * half + 16; i++) {
        const int code = (low[i] >> (4 * (row / 2)) & 15) | (high[i] >> (2 * row) & 3) << 4;
        to[32 * group + i] = scale * static_cast<float>(code - 32);
      }
    }
  }
}

inline void decodeBlock(BlockType type, const uint8_t* block, float* to) {
  switch (type) {
    case BlockType::q4_0: return decodePairs(block + 2, 0, halfAt(block), 8, kNoMinimum, to);
    case BlockType::q4_1: return decodePairs(block + 4, 0, halfAt(block), 0, halfAt(block + 2), to);
    case BlockType::q5_0: return decodePairs(block + 6, wordAt(block + 2), halfAt(block), 16, kNoMinimum, to);
    case BlockType::q5_1: return decodePairs(block + 8, wordAt(block + 4), halfAt(block), 0, halfAt(block + 2), to);
    case BlockType::q8_0: {
      const float scale = halfAt(block);
      for (int i = 0; i < 32; i++) to[i] = scale * static_cast<float>(static_cast<int8_t>(block[2 + i]));
      return;
    }
    case BlockType::q4_K: return decodeGroups(block, nullptr, block + 16, to);
    case BlockType::q5_K: return decodeGroups(block, block + 16, block + 48, to);
    case BlockType::q6_K: return decodeQ6K(block, to);
  }
}

/** fp32 -> IEEE half, rounded to nearest, ties to even; `value` is below 65520 in magnitude. */
inline uint16_t toHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t sign = bits >> 16 & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x38800000u) {
    magnitude += 0xfffu + (magnitude >> 13 & 1u);
    return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u) >> 13));
  }
  // Below the normal halves the numbers are multiples of 2^-24; this sum's last bit is that.
  float shifted;
  std::memcpy(&shifted, &magnitude, 4);
  shifted += 0.5f;
  std::memcpy(&magnitude, &shifted, 4);
  return static_cast<uint16_t>(sign | (magnitude - 0x3f000000u));
}

/** Whether each of the numbers is one that a half can be. */
inline bool encodeHalves(const float* from, int64_t count, uint16_t* to) {
  bool fits = true;
  for (int64_t i = 0; i < count; i++) fits &= std::abs(from[i]) < 65520.0f;
  if (!fits) return false;
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < count; i++) to[i] = toHalf(from[i]);
  return true;
}

/** As kernels.hpp says. */
inline bool decodeBlocks(BlockType type, const uint8_t* source, const int32_t* order, int64_t rows, int64_t columns,
                         uint16_t* target) {
  const BlockSize size = blockSizeOf(type);
  const int64_t rowBytes = columns / size.numbers * size.bytes;
  const int64_t rowsATask = std::max<int64_t>(1, 65536 / columns);
  std::atomic<bool> fits{true};
  parallelFor((rows + rowsATask - 1) / rowsATask, kTouch * rows * columns, [&](int64_t task, int) {
    alignas(64) float numbers[256];
    for (int64_t row = task * rowsATask; row < std::min(rows, (task + 1) * rowsATask); row++) {
      const uint8_t* from = source + (order ? order[row] : row) * rowBytes;
      for (int64_t column = 0; column < columns; column += size.numbers, from += size.bytes) {
        decodeBlock(type, from, numbers);
        if (!encodeHalves(numbers, size.numbers, target + row * columns + column)) fits = false;
      }
    }
  });
  return fits;
}

}  // namespace
}  // namespace evolve
