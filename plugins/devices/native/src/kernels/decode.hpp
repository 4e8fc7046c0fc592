// Stored numbers -> fp32, bf16 or int8 elements, a piece of a row at a time: what packing reads.
#pragma once
#include <algorithm>

#include "../kernels.hpp"
#include "simd.hpp"

namespace evolve {
namespace {

inline float bf16ToFloat(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

/** IEEE half -> fp32, exactly, subnormals, infinities and NaN included. */
inline float halfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fffu) << 13;
  uint32_t bits = magnitude + (112u << 23);
  if (magnitude >= 0x0f800000u) {
    bits = magnitude + (224u << 23);
  } else if (magnitude < 0x00800000u) {
    float value = static_cast<float>(half & 0x7fffu) * 0x1p-24f;
    std::memcpy(&bits, &value, 4);
  }
  bits |= sign;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

/** `from` need not be aligned: bytes of a mapped file begin anywhere. */
inline void decodeF32(const uint8_t* from, int64_t count, float* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * 4);
}

inline void decodeBf16(const uint8_t* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; i++) {
    uint16_t half;
    std::memcpy(&half, from + 2 * i, 2);
    to[i] = bf16ToFloat(half);
  }
}

inline void decodeF16(const uint8_t* from, int64_t count, float* to) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16)
    _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 2 * i))));
#elif defined(__F16C__)
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * i))));
#endif
  for (; i < count; i++) {
    uint16_t half;
    std::memcpy(&half, from + 2 * i, 2);
    to[i] = halfToFloat(half);
  }
}

/** The integers as they are; their row's scale is applied elsewhere. */
inline void decodeInt8(const uint8_t* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; i++) to[i] = static_cast<float>(static_cast<int8_t>(from[i]));
}

/** 4-bit NormalFloat, as QLoRA (arXiv 2305.14314) gives it: quantiles of a normal distribution, scaled to ±1. */
constexpr float kNormalFloat4[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
    0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};
constexpr int64_t kNormalFloatBlock = 64;
constexpr int64_t kNestedBlock = 256;

inline float absmaxOf(const Weight& w, int64_t block) {
  if (!w.scaleCodes) return w.scales[block];
  // Volatile, so that it is rounded before the sum, as in the reference: no fused multiply-add.
  const volatile float product = w.codebook[w.scaleCodes[block]] * w.nestedScales[block / kNestedBlock];
  return product + w.offset;
}

/** Elements `at` … at + count − 1 of the flattened matrix; blocks do not end with rows. */
inline void decodeNf4(const Weight& w, int64_t at, int64_t count, float* to) {
  const int64_t end = at + count;
  while (at < end) {
    const int64_t block = at / kNormalFloatBlock;
    const int64_t stop = std::min(end, (block + 1) * kNormalFloatBlock);
    const float absmax = absmaxOf(w, block);
#if defined(__AVX512F__)
    const __m512 table = _mm512_mul_ps(_mm512_loadu_ps(kNormalFloat4), _mm512_set1_ps(absmax));
    for (; at % 2 == 0 && at + 16 <= stop; at += 16, to += 16) {
      uint64_t packed;
      std::memcpy(&packed, w.data + at / 2, 8);
      const __m128i bytes = _mm_cvtsi64_si128(static_cast<int64_t>(packed));
      const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
      const __m128i low = _mm_and_si128(bytes, _mm_set1_epi8(15));
      const __m512i codes = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(high, low));
      _mm512_storeu_ps(to, _mm512_permutexvar_ps(codes, table));
    }
#endif
    for (; at < stop; at++) {
      const uint8_t byte = w.data[at / 2];
      *to++ = kNormalFloat4[at % 2 == 0 ? byte >> 4 : byte & 15] * absmax;
    }
  }
}

/** A frozen weight as packing reads it. Of int8 the integers are read: `scales` goes elsewhere. */
struct WeightSource {
  const Weight& w;

  void read(int64_t row, int64_t column, int64_t count, float* to) const {
    const int64_t at = row * w.columns + column;
    switch (w.storage) {
      case Storage::f32: return decodeF32(w.data + 4 * at, count, to);
      case Storage::bf16: return decodeBf16(w.data + 2 * at, count, to);
      case Storage::f16: return decodeF16(w.data + 2 * at, count, to);
      case Storage::int8: return decodeInt8(w.data + at, count, to);
      case Storage::nf4: return decodeNf4(w, at, count, to);
    }
  }

  void read(int64_t row, int64_t column, int64_t count, uint16_t* to) const {
    const int64_t at = row * w.columns + column;
    if (w.storage == Storage::bf16) {
      std::memcpy(to, w.data + 2 * at, static_cast<size_t>(count) * 2);
    } else if (w.storage == Storage::int8) {
      const uint8_t* from = w.data + at;
      int64_t i = 0;
#if defined(__AVX512BF16__)
      // Exact: an int8 has at most the eight significant bits of a bf16.
      for (; i + 16 <= count; i += 16) {
        const __m512 values = _mm512_cvtepi32_ps(
            _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                            _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(values), 16)));
      }
#endif
      for (; i < count; i++) to[i] = toBf16(static_cast<float>(static_cast<int8_t>(from[i])));
    } else {
      alignas(64) float values[256];
      for (int64_t i = 0; i < count; i += 256) {
        const int64_t n = std::min<int64_t>(256, count - i);
        read(row, column + i, n, values);
        floatsToBf16(values, n, to + i);
      }
    }
  }

  void read(int64_t row, int64_t column, int64_t count, int8_t* to) const {
    const uint8_t* from = w.data + row * w.columns + column;
    constexpr uint8_t kBias = Int8Lane::bias;
    for (int64_t i = 0; i < count; i++) to[i] = static_cast<int8_t>(from[i] ^ kBias);
  }

  void read(int64_t row, int64_t column, int64_t count, int16_t* to) const {
    const uint8_t* from = w.data + row * w.columns + column;
    for (int64_t i = 0; i < count; i++) to[i] = static_cast<int8_t>(from[i]);
  }
};

/** fp32 rows; column j is multiplied with factors[j] where there are factors. */
struct DenseSource {
  const float* data;
  int64_t stride;
  const float* factors = nullptr;

  void read(int64_t row, int64_t column, int64_t count, float* to) const {
    const float* from = data + row * stride + column;
    if (!factors) {
      std::memcpy(to, from, static_cast<size_t>(count) * 4);
    } else {
      for (int64_t i = 0; i < count; i++) to[i] = from[i] * factors[column + i];
    }
  }

  void read(int64_t row, int64_t column, int64_t count, uint16_t* to) const {
    if (!factors) return floatsToBf16(data + row * stride + column, count, to);
    alignas(64) float values[256];
    for (int64_t i = 0; i < count; i += 256) {
      const int64_t n = std::min<int64_t>(256, count - i);
      read(row, column + i, n, values);
      floatsToBf16(values, n, to + i);
    }
  }
};

/** Quantized rows, for the left operand. */
struct Int8Source {
  const int8_t* data;
  int64_t stride;

  void read(int64_t row, int64_t column, int64_t count, int8_t* to) const {
    std::memcpy(to, data + row * stride + column, static_cast<size_t>(count));
  }

  void read(int64_t row, int64_t column, int64_t count, int16_t* to) const {
    const int8_t* from = data + row * stride + column;
    for (int64_t i = 0; i < count; i++) to[i] = from[i];
  }
};

}  // namespace
}  // namespace evolve
