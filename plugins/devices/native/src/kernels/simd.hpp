// Vectors of the instruction set that this file is compiled for, and the lanes of the products: 32 bits of a packed
// operand that hold one fp32, two bf16, two int16 or four int8 along the reduction.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace evolve {
namespace {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(W * 4)));
typedef int32_t vi __attribute__((vector_size(W * 4)));
typedef uint32_t vu __attribute__((vector_size(W * 4)));
typedef float vfu __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef uint32_t vuu __attribute__((vector_size(W * 4), aligned(4), may_alias));

inline vf load(const float* p) { return *reinterpret_cast<const vfu*>(p); }
inline void store(float* p, vf v) { *reinterpret_cast<vfu*>(p) = v; }
inline vu loadLanes(const uint32_t* p) { return *reinterpret_cast<const vuu*>(p); }
inline vf set(float x) { return x - vf{}; }
inline vi toInt(vf v) { return __builtin_convertvector(v, vi); }
inline vf toFloat(vi v) { return __builtin_convertvector(v, vf); }

inline float sum(vf v) {
  float total = 0;
  for (int i = 0; i < W; i++) total += v[i];
  return total;
}

/** The larger one; `b` where either is no number. */
inline vf maximum(vf a, vf b) { return a > b ? a : b; }

inline float maximumOf(vf v) {
  float largest = v[0];
  for (int i = 1; i < W; i++) largest = v[i] > largest ? v[i] : largest;
  return largest;
}

inline vf absolute(vf v) {
  return (vf)((vi)v & 0x7fffffff);
}

/** To the nearest integer, ties to even; for magnitudes below 2^22. */
inline vf nearest(vf v) { return (v + 12582912.0f) - 12582912.0f; }

/** eˣ to about 1e-7 relative; 0 below −87.3; NaN stays NaN. Cephes' reduction and polynomial. */
inline vf exponential(vf x) {
  const vi tiny = x < set(-87.3f);
  x = x > 88.3f ? set(88.3f) : x;
  x = x < -87.3f ? set(-87.3f) : x;
  const vf rounded = nearest(x * 1.44269504088896341f);
  x = x - rounded * 0.693359375f + rounded * 2.12194440e-4f;
  vf p = set(1.9875691500e-4f);
  p = p * x + 1.3981999507e-3f;
  p = p * x + 8.3334519073e-3f;
  p = p * x + 4.1665795894e-2f;
  p = p * x + 1.6666665459e-1f;
  p = p * x + 5.0000001201e-1f;
  p = p * x * x + x + 1.0f;
  const vi power = (toInt(rounded) + 127) << 23;
  const vf result = p * (vf)power;
  return tiny ? vf{} : result;
}

inline vf sigmoid(vf x) { return 1.0f / (1.0f + exponential(-x)); }
inline vf hyperbolicTangent(vf x) { return 1.0f - 2.0f / (1.0f + exponential(2.0f * x)); }

/** MurmurHash3's finalizer, as core/base/random.ts has it. */
inline vu mix(vu x) {
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/** The dropout mask of elements index … index + W − 1: 0 or `kept`. */
inline vf dropoutMask(uint32_t index, uint32_t seed, uint32_t last, float kept) {
  vu i;
  for (int j = 0; j < W; j++) i[j] = index + static_cast<uint32_t>(j);
  const vu hash = mix(mix(i) ^ seed);
  return hash <= (vu{} + last) ? vf{} : set(kept);
}

/** Rounded to nearest, ties to even, as torch rounds; NaN stays NaN. */
inline uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline void floatsToBf16(const float* from, int64_t count, uint16_t* to) {
  int64_t i = 0;
#if defined(__AVX512BF16__)
  for (; i + 16 <= count; i += 16) {
    const __m256bh halves = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + i));
    std::memcpy(to + i, &halves, 32);
  }
#endif
  for (; i < count; i++) to[i] = toBf16(from[i]);
}

// ---- lanes: how an operand is packed, and the dot product that a microkernel adds up. A lane holds `width` elements, a
// left panel `rows` rows; panels are filled up with zeros to a multiple of `step` lanes.

/** With these rows, and two vectors of columns, the sums of a product fill the registers. */
#if defined(__AVX512F__)
constexpr int kRegisterRows = 14;
#else
constexpr int kRegisterRows = 6;
#endif

struct F32Lane {
  static constexpr int width = 1, rows = kRegisterRows, step = 1;
  using Element = float;
  using Sum = vf;
  static Sum dot(Sum sum, vu a, vu b) { return sum + (vf)a * (vf)b; }
};

#if defined(__AMX_TILE__)
/** Multiplied by amx.hpp. */
struct Bf16Lane {
  static constexpr int width = 2, rows = 32, step = 16;
  using Element = uint16_t;
  using Sum = vf;
};
#elif defined(__AVX512BF16__)
struct Bf16Lane {
  static constexpr int width = 2, rows = kRegisterRows, step = 1;
  using Element = uint16_t;
  using Sum = vf;
  static Sum dot(Sum sum, vu a, vu b) {
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)b, (__m512bh)a);
  }
};
#else
using Bf16Lane = F32Lane;
#endif

#if defined(__AMX_TILE__)
/** Multiplied by amx.hpp. */
struct Int8Lane {
  static constexpr int width = 4, rows = 32, step = 16;
  static constexpr int bias = 0;
  using Element = int8_t;
  using Sum = vi;
};
#elif defined(__AVX512VNNI__) || defined(__AVXVNNI__)
/** The right operand is stored plus 128, unsigned, as the instruction wants it; see `bias`. */
struct Int8Lane {
  static constexpr int width = 4, rows = kRegisterRows, step = 1;
  /** What the right operand's numbers are stored plus: each sum is too large by this times the left row's sum. */
  static constexpr int bias = 128;
  using Element = int8_t;
  using Sum = vi;
  static Sum dot(Sum sum, vu a, vu b) {
#if defined(__AVX512VNNI__)
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)b, (__m512i)a);
#else
    return (vi)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)b, (__m256i)a);
#endif
  }
};
#else
/** int8 numbers in 16 bits: products of pairs, added up without saturation. */
struct Int8Lane {
  static constexpr int width = 2, rows = kRegisterRows, step = 1;
  static constexpr int bias = 0;
  using Element = int16_t;
  using Sum = vi;
  static Sum dot(Sum sum, vu a, vu b) {
#if defined(__AVX512BW__)
    return sum + (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return sum + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
    return sum + (vi)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    const vi low = ((vi)(a << 16) >> 16) * ((vi)(b << 16) >> 16);
    return sum + low + ((vi)a >> 16) * ((vi)b >> 16);
#endif
  }
};
#endif

}  // namespace
}  // namespace evolve
