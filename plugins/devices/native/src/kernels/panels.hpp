// Packing: operands of a product become panels of 32-bit lanes along the reduction, which tile.hpp reads straight
// through. A left panel has Lane::rows rows, a right panel kColumns columns. simd.hpp says what a lane holds.
#pragma once
#include <algorithm>

#include "simd.hpp"

namespace evolve {
namespace {

/** Vectors of a right panel's columns. */
constexpr int kVectors = 2;
constexpr int kColumns = kVectors * W;

/**
 * Lanes of one block of the reduction: with so many a task's panels stay in the second-level cache. Sums go to memory
 * after each block, which fast products feel; CPUs with matrix registers have caches for twice as many.
 */
template <class Lane>
constexpr int64_t kBlock = Lane::step > 1 ? 1024 : 512;

constexpr int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/** Lanes that hold so many elements, and the zeros behind. */
template <class Lane>
constexpr int64_t lanesOf(int64_t elements) {
  return ceilDiv(elements, Lane::width * Lane::step) * Lane::step;
}

/** Lanes from one left panel to the next, with room for what a transposing store writes beyond the end. */
constexpr int64_t leftStride(int64_t lanes, int64_t rows) { return (lanes * rows + 31) / 16 * 16; }
template <class Lane>
constexpr int64_t leftStride(int64_t lanes) {
  return leftStride(lanes, Lane::rows);
}
constexpr int64_t rightStride(int64_t lanes) { return lanes * kColumns; }

#if defined(__AVX512F__)
/** Lanes 0 … 15 of 16 lines -> 16 vectors of one lane each, at `to` + lane · stride. */
inline void transpose16(const uint32_t* lines, int64_t lineStride, uint32_t* to, int64_t stride, int64_t count) {
  __m512i r[16], t[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(lines + i * lineStride);
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
  if (count == 16) {
    for (int i = 0; i < 16; i++) _mm512_storeu_si512(to + i * stride, r[i]);
  } else {
    for (int64_t i = 0; i < count; i++) _mm512_storeu_si512(to + i * stride, r[i]);
  }
}
#endif

/**
 * Packs rows row … row + count − 1 of `source` into one panel of P; elements k0 … k1 − 1 are the reduction. Missing
 * rows are zero. On AVX-512 it overwrites up to two lanes beyond the panel.
 */
template <class Lane, int P, class Source>
void packRows(const Source& source, int64_t row, int64_t count, int64_t k0, int64_t k1, uint32_t* to) {
  constexpr int kGroup = P < 16 ? P : 16;
  constexpr int64_t kPiece = 64;
  alignas(64) uint32_t lines[16][kPiece];
  if (kGroup < 16) std::memset(lines, 0, sizeof lines);
  for (int64_t k = k0; k < k1; k += kPiece * Lane::width) {
    const int64_t elements = std::min(kPiece * Lane::width, k1 - k);
    const int64_t lanes = lanesOf<Lane>(elements);
    for (int first = 0; first < P; first += kGroup) {
      for (int i = 0; i < kGroup; i++) {
        auto* line = reinterpret_cast<typename Lane::Element*>(lines[i]);
        if (first + i >= count) {
          std::memset(line, 0, static_cast<size_t>(lanes) * 4);
          continue;
        }
        for (int64_t lane = elements / Lane::width; lane < lanes; lane++) lines[i][lane] = 0;
        source.read(row + first + i, k, elements, line);
      }
      uint32_t* target = to + (k - k0) / Lane::width * P + first;
#if defined(__AVX512F__)
      for (int64_t lane = 0; lane < lanes; lane += 16)
        transpose16(&lines[0][lane], kPiece, target + lane * P, P, std::min<int64_t>(16, lanes - lane));
#else
      for (int64_t lane = 0; lane < lanes; lane++)
        for (int i = 0; i < kGroup; i++) target[lane * P + i] = lines[i][lane];
#endif
    }
  }
}

/** Elements of `width` lines side by side -> lanes. */
template <class Lane>
void interleave(const typename Lane::Element* lines, int64_t lineStride, int64_t count, uint32_t* lanes) {
  if constexpr (Lane::width == 2) {
    const auto* low = reinterpret_cast<const uint16_t*>(lines);
    const auto* high = low + lineStride;
    for (int64_t i = 0; i < count; i++) lanes[i] = low[i] | static_cast<uint32_t>(high[i]) << 16;
  } else {
    const auto* bytes = reinterpret_cast<const uint8_t*>(lines);
    for (int64_t i = 0; i < count; i++)
      lanes[i] = bytes[i] | static_cast<uint32_t>(bytes[lineStride + i]) << 8 |
                 static_cast<uint32_t>(bytes[2 * lineStride + i]) << 16 |
                 static_cast<uint32_t>(bytes[3 * lineStride + i]) << 24;
  }
}

/**
 * Packs columns column … column + count − 1 of `source` into panels of P, `panelStride` lanes apart; rows k0 … k1 − 1
 * are the reduction. Missing columns of the last panel are zero.
 */
template <class Lane, int P, class Source>
void packColumns(const Source& source, int64_t k0, int64_t k1, int64_t column, int64_t count, uint32_t* to,
                 int64_t panelStride) {
  constexpr int64_t kPiece = 128;
  [[maybe_unused]] alignas(64) typename Lane::Element lines[Lane::width * kPiece];
  alignas(64) uint32_t lanes[kPiece + P] = {};
  static_assert(kPiece % kColumns == 0);
  constexpr int64_t kPanels = kPiece / P;
  for (int64_t first = 0; first < count; first += kPanels * P) {
    const int64_t columns = std::min<int64_t>(kPanels * P, count - first);
    const int64_t panels = ceilDiv(columns, P);
    if (columns < panels * P) std::memset(lanes + columns, 0, static_cast<size_t>(panels * P - columns) * 4);
    uint32_t* target = to + first / P * panelStride;
    for (int64_t k = k0; k < k0 + lanesOf<Lane>(k1 - k0) * Lane::width; k += Lane::width, target += P) {
      if constexpr (Lane::width == 1) {
        source.read(k, column + first, columns, reinterpret_cast<float*>(lanes));
      } else {
        for (int i = 0; i < Lane::width; i++) {
          auto* line = lines + i * kPiece;
          if (k + i < k1) source.read(k + i, column + first, columns, line);
          else std::memset(line, 0, sizeof(typename Lane::Element) * static_cast<size_t>(columns));
        }
        interleave<Lane>(lines, kPiece, columns, lanes);
      }
      for (int64_t panel = 0; panel < panels; panel++)
        std::memcpy(target + panel * panelStride, lanes + panel * P, P * 4);
    }
  }
}

}  // namespace
}  // namespace evolve
