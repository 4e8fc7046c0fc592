// Matrix products on packed operands. Both are packed in panels of 32-bit lanes along the reduction: the left one
// in panels of kRows rows, the right one in panels of kColumns columns, so that a microkernel reads both straight
// through. One template serves fp32, bf16 and int8; only the dot product of a lane differs.
#pragma once
#include "decode.hpp"
#include "threads.hpp"

namespace evolve {
namespace {

#if defined(__AVX512F__)
constexpr int kRows = 14;
#else
constexpr int kRows = 6;
#endif
constexpr int kVectors = 2;
constexpr int kColumns = kVectors * W;

/** Lanes of one block of the reduction: a panel pair then stays in the second-level cache. */
constexpr int64_t kBlock = 512;

/** Panels of the right operand that a thread packs at once. */
constexpr int64_t kChunk = 8;

constexpr int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class Lane>
constexpr int64_t lanesOf(int64_t elements) {
  return ceilDiv(elements, Lane::width);
}

/** Lanes from one left panel to the next; what a transposing store writes beyond the end has room. */
constexpr int64_t leftStride(int64_t lanes) { return (lanes * kRows + 31) / 16 * 16; }
constexpr int64_t rightStride(int64_t lanes) { return lanes * kColumns; }

// ---- packing

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
 * Packs rows row … row + count − 1 of `source` (what lacks to P is zero), elements k0 … k1 − 1 being the reduction.
 * On AVX-512 up to two lanes beyond the panel are overwritten.
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
        if (elements % Lane::width != 0) lines[i][lanes - 1] = 0;
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
 * Packs columns column … column + count − 1 of `source` in panels of P, `panelStride` lanes apart; rows k0 … k1 − 1
 * are the reduction. What lacks to the last panel is zero.
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
    for (int64_t k = k0; k < k1; k += Lane::width, target += P) {
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

// ---- the microkernel

template <class Lane>
using Tile = typename Lane::Sum[kRows][kVectors];

/** sums += left panel · right panel over `lanes`. */
template <class Lane>
inline __attribute__((always_inline)) void addProduct(int64_t lanes, const uint32_t* left, const uint32_t* right,
                                                      Tile<Lane>& sums) {
  for (int64_t lane = 0; lane < lanes; lane++, left += kRows, right += kColumns) {
    vu b[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) b[j] = loadLanes(right + j * W);
#pragma GCC unroll 14
    for (int i = 0; i < kRows; i++) {
      const vu a = vu{} + left[i];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; j++) sums[i][j] = Lane::dot(sums[i][j], a, b[j]);
    }
  }
}

template <class Lane>
inline __attribute__((always_inline)) void clear(Tile<Lane>& sums) {
#pragma GCC unroll 14
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) sums[i][j] = typename Lane::Sum{};
}

/** Writes `rows` × `columns` of a tile; adds to what is there where `adding`. */
inline __attribute__((always_inline)) void writeTile(const vf (&sums)[kRows][kVectors], float* c, int64_t stride,
                                                     int64_t rows, int64_t columns, bool adding) {
  if (rows == kRows && columns == kColumns) {
#pragma GCC unroll 14
    for (int i = 0; i < kRows; i++)
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; j++) {
        float* at = c + i * stride + j * W;
        store(at, adding ? load(at) + sums[i][j] : sums[i][j]);
      }
    return;
  }
  alignas(64) float edge[kRows * kColumns];
#pragma GCC unroll 14
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; j++) store(edge + i * kColumns + j * W, sums[i][j]);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      c[i * stride + j] = edge[i * kColumns + j] + (adding ? c[i * stride + j] : 0.0f);
}

/** c [rows, columns] (+)= left · right, panel by panel: for operands that one thread has packed. */
template <class Lane>
void multiplyPanels(int64_t rows, int64_t columns, int64_t lanes, const uint32_t* left, int64_t leftPanel,
                    const uint32_t* right, int64_t rightPanel, float* c, int64_t stride, bool adding) {
  for (int64_t m = 0; m < rows; m += kRows, left += leftPanel) {
    const uint32_t* panel = right;
    for (int64_t n = 0; n < columns; n += kColumns, panel += rightPanel) {
      Tile<Lane> sums;
      clear<Lane>(sums);
      addProduct<Lane>(lanes, left, panel, sums);
      writeTile(sums, c + m * stride + n, stride, std::min<int64_t>(kRows, rows - m),
                std::min<int64_t>(kColumns, columns - n), adding);
    }
  }
}

// ---- products over all threads

/** A left operand, packed whole. */
template <class Lane>
struct Left {
  uint32_t* lanes;
  int64_t rows, depth, stride;

  Left(int64_t rows, int64_t depth, uint32_t* memory)
      : lanes(memory), rows(rows), depth(depth), stride(leftStride(lanesOf<Lane>(depth))) {}

  static int64_t bytes(int64_t rows, int64_t depth) {
    return ceilDiv(rows, kRows) * leftStride(lanesOf<Lane>(depth)) * 4;
  }
};

/** Packs a left operand whose reduction runs along the rows of `source`. */
template <class Lane, class Source>
void packLeft(const Left<Lane>& left, const Source& source) {
  parallelFor(ceilDiv(left.rows, kRows), [&](int64_t panel, int) {
    packRows<Lane, kRows>(source, panel * kRows, std::min<int64_t>(kRows, left.rows - panel * kRows), 0, left.depth,
                          left.lanes + panel * left.stride);
  });
}

/** Packs a left operand whose reduction runs along the columns of `source`: row i of it is column i. */
template <class Lane, class Source>
void packLeftTransposed(const Left<Lane>& left, const Source& source) {
  parallelFor(ceilDiv(left.rows, kRows), [&](int64_t panel, int) {
    packColumns<Lane, kRows>(source, 0, left.depth, panel * kRows,
                             std::min<int64_t>(kRows, left.rows - panel * kRows), left.lanes + panel * left.stride, 0);
  });
}

/** How a product is cut into tasks. */
struct Cut {
  int64_t panels, rowBlocks;
};

inline Cut cut(int64_t rows, int64_t columns) {
  const int64_t threads = threadCount();
  const int64_t rightPanels = ceilDiv(columns, kColumns);
  const int64_t leftPanels = ceilDiv(rows, kRows);
  const int64_t wanted = threads == 1 ? 1 : threads * 3;
  const int64_t panels = std::clamp<int64_t>(rightPanels / wanted, 1, kChunk);
  const int64_t tasks = std::max<int64_t>(1, ceilDiv(rightPanels, panels));
  // Rows are split only where columns are few: each part packs the right operand again.
  const int64_t rowBlocks = tasks >= threads ? 1 : std::min(ceilDiv(threads * 2, tasks), std::max<int64_t>(1, leftPanels / 2));
  return {panels, rowBlocks};
}

/**
 * The product of a packed left operand and a right operand that each task packs for itself.
 *
 * @param pack (column, count, k0, k1, to, panelStride): packs columns of the right operand, elements k0 … k1 − 1
 * @param finish (sums, row, column, block, isLast, prepared): what becomes of a tile after each block of the reduction
 * @param prepare (column, count, thread) -> what finish needs of the task's columns
 */
template <class Lane, class Pack, class Prepare, class Finish>
void multiply(const Left<Lane>& left, int64_t columns, const Pack& pack, const Prepare& prepare,
              const Finish& finish) {
  const int64_t lanes = lanesOf<Lane>(left.depth);
  const int64_t blocks = std::max<int64_t>(1, ceilDiv(lanes, kBlock));
  const int64_t leftPanels = ceilDiv(left.rows, kRows);
  const auto [panels, rowBlocks] = cut(left.rows, columns);
  const int64_t width = panels * kColumns;
  const int64_t chunks = ceilDiv(columns, width);
  const int64_t blockPanels = ceilDiv(leftPanels, rowBlocks);
  parallelFor(chunks * rowBlocks, [&, panels = panels](int64_t task, int thread) {
    const int64_t column = task % chunks * width;
    const int64_t count = std::min(width, columns - column);
    const int64_t firstPanel = task / chunks * blockPanels;
    const int64_t endPanel = std::min(leftPanels, firstPanel + blockPanels);
    auto* packed = static_cast<uint32_t*>(
        scratch(thread, slot::weights, panels * rightStride(std::min(lanes, kBlock)) * 4));
    const auto prepared = prepare(column, count, thread);
    for (int64_t block = 0; block < blocks; block++) {
      const int64_t firstLane = block * kBlock;
      const int64_t blockLanes = std::min(kBlock, lanes - firstLane);
      const int64_t stride = rightStride(blockLanes);
      pack(column, count, firstLane * Lane::width, std::min(left.depth, (firstLane + blockLanes) * Lane::width),
           packed, stride);
      for (int64_t panel = firstPanel; panel < endPanel; panel++) {
        const uint32_t* rows = left.lanes + panel * left.stride + firstLane * kRows;
        for (int64_t n = 0; n < count; n += kColumns) {
          Tile<Lane> sums;
          clear<Lane>(sums);
          addProduct<Lane>(blockLanes, rows, packed + n / kColumns * stride, sums);
          finish(sums, panel, column + n, block, block + 1 == blocks, prepared);
        }
      }
    }
  });
}

}  // namespace
}  // namespace evolve
