// Products on the CPU's matrix registers (Intel AMX), each 16 rows of 16 lanes. A left panel has 32 rows, in pieces of
// 16 lanes: [piece][row][lane], as the registers take it. Right panels are those of panels.hpp. A tile of sums fills
// four registers, and their operands the other four.
#pragma once
#include "panels.hpp"

namespace evolve {
namespace {

/** Who multiplies with lanes in steps holds one: it sets the thread's matrix registers up, and gives them back. */
template <class Lane>
struct MatrixRegisters {
  MatrixRegisters() {
#if defined(__AMX_TILE__)
    if constexpr (Lane::step > 1) {
      alignas(64) Layout layout{};
      layout.palette = 1;
      for (int i = 0; i < 8; i++) {
        layout.rowBytes[i] = 64;
        layout.rows[i] = 16;
      }
      _tile_loadconfig(&layout);
    }
#endif
  }

  ~MatrixRegisters() {
#if defined(__AMX_TILE__)
    if constexpr (Lane::step > 1) _tile_release();
#endif
  }

  MatrixRegisters(const MatrixRegisters&) = delete;
  MatrixRegisters& operator=(const MatrixRegisters&) = delete;

 private:
  /** As LDTILECFG reads it. */
  struct Layout {
    uint8_t palette, startRow, reserved[14];
    uint16_t rowBytes[16];
    uint8_t rows[16];
  };
};

#if defined(__AMX_TILE__)

constexpr int64_t kPieceLanes = 16;
constexpr int64_t kMatrixRows = 16;

/** sums [32, 32] = left panel · right panel over `lanes`, a multiple of 16. */
template <class Lane>
inline __attribute__((always_inline)) void multiplyMatrices(int64_t lanes, const uint32_t* left, const uint32_t* right,
                                                            typename Lane::Sum (&sums)[Lane::rows][kVectors]) {
  // The registers' instructions do not tell the compiler what memory they read.
  asm volatile("" : : : "memory");
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t lane = 0; lane < lanes; lane += kPieceLanes) {
    _tile_loadd(4, left, 64);
    _tile_loadd(5, left + kMatrixRows * kPieceLanes, 64);
    _tile_loadd(6, right, kColumns * 4);
    _tile_loadd(7, right + 16, kColumns * 4);
    if constexpr (Lane::width == 2) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    } else {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(1, 4, 7);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
    left += Lane::rows * kPieceLanes;
    right += kPieceLanes * kColumns;
  }
  auto* to = reinterpret_cast<char*>(&sums);
  constexpr int64_t kStride = sizeof(sums[0]);
  _tile_stored(0, to, kStride);
  _tile_stored(1, to + 64, kStride);
  _tile_stored(2, to + kMatrixRows * kStride, kStride);
  _tile_stored(3, to + kMatrixRows * kStride + 64, kStride);
  asm volatile("" : : : "memory");
}

/** Packs rows row … row + count − 1 of `source` into one left panel. Missing rows are zero. */
template <class Lane, class Source>
void packMatrixRows(const Source& source, int64_t row, int64_t count, int64_t k0, int64_t k1, uint32_t* to) {
  constexpr int64_t kPiece = kPieceLanes * Lane::width;
  constexpr int64_t kPanelPiece = Lane::rows * kPieceLanes;
  const int64_t pieces = ceilDiv(k1 - k0, kPiece);
  for (int64_t i = 0; i < Lane::rows; i++) {
    uint32_t* line = to + i * kPieceLanes;
    for (int64_t piece = 0; piece < pieces; piece++, line += kPanelPiece) {
      const int64_t k = k0 + piece * kPiece;
      const int64_t elements = i < count ? std::min(kPiece, k1 - k) : 0;
      if (elements < kPiece) std::memset(line, 0, kPieceLanes * 4);
      if (elements > 0) source.read(row + i, k, elements, reinterpret_cast<typename Lane::Element*>(line));
    }
  }
}

/** Packs columns column … column + count − 1 of `source` into left panels, `panelStride` lanes apart. */
template <class Lane, class Source>
void packMatrixColumns(const Source& source, int64_t k0, int64_t k1, int64_t column, int64_t count, uint32_t* to,
                       int64_t panelStride) {
  constexpr int64_t kRows = Lane::rows;
  alignas(64) typename Lane::Element lines[Lane::width * kRows];
  alignas(64) uint32_t lanes[kPieceLanes][kRows];
  for (int64_t first = 0; first < count; first += kRows, to += panelStride) {
    const int64_t columns = std::min(kRows, count - first);
    if (columns < kRows) std::memset(lanes, 0, sizeof lanes);
    uint32_t* target = to;
    for (int64_t k = k0; k < k1; k += kPieceLanes * Lane::width, target += kRows * kPieceLanes) {
      for (int64_t lane = 0; lane < kPieceLanes; lane++) {
        for (int i = 0; i < Lane::width; i++) {
          const int64_t element = k + lane * Lane::width + i;
          auto* line = lines + i * kRows;
          if (element < k1) source.read(element, column + first, columns, line);
          else std::memset(line, 0, sizeof(typename Lane::Element) * kRows);
        }
        interleave<Lane>(lines, kRows, columns, lanes[lane]);
      }
      for (int64_t half = 0; half < kRows; half += kMatrixRows)
        transpose16(&lanes[0][half], kRows, target + half * kPieceLanes, kPieceLanes, kMatrixRows);
    }
  }
}

#endif

}  // namespace
}  // namespace evolve
