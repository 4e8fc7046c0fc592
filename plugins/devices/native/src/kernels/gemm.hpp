// Matrix products on all threads. The left operand is packed whole before (panels.hpp); each task packs its columns of
// the right one, block by block of the reduction, and multiplies tile by tile (tile.hpp).
#pragma once
#include "../threads.hpp"
#include "decode.hpp"
#include "tile.hpp"

namespace evolve {
namespace {

/** Panels of the right operand that a thread packs at once. */
constexpr int64_t kChunk = 8;

/** A left operand, packed whole. */
template <class Lane>
struct Left {
  uint32_t* lanes;
  int64_t rows, depth, stride;

  Left(int64_t rows, int64_t depth, uint32_t* memory)
      : lanes(memory), rows(rows), depth(depth), stride(leftStride<Lane>(lanesOf<Lane>(depth))) {}

  static int64_t bytes(int64_t rows, int64_t depth) {
    return ceilDiv(rows, Lane::rows) * leftStride<Lane>(lanesOf<Lane>(depth)) * 4;
  }

  int64_t panels() const { return ceilDiv(rows, Lane::rows); }
  int64_t rowsOf(int64_t panel) const { return std::min<int64_t>(Lane::rows, rows - panel * Lane::rows); }
};

/** Packs a left operand whose reduction runs along the rows of `source`. */
template <class Lane, class Source>
void packLeft(const Left<Lane>& left, const Source& source) {
  parallelFor(left.panels(), kTouch * left.rows * left.depth, [&](int64_t panel, int) {
    packLeftRows<Lane>(source, panel * Lane::rows, left.rowsOf(panel), 0, left.depth, left.lanes + panel * left.stride);
  });
}

/** Packs a left operand whose reduction runs along the columns of `source`: row i of it is column i. */
template <class Lane, class Source>
void packLeftTransposed(const Left<Lane>& left, const Source& source) {
  parallelFor(left.panels(), kTouch * left.rows * left.depth, [&](int64_t panel, int) {
    packLeftColumns<Lane>(source, 0, left.depth, panel * Lane::rows, left.rowsOf(panel),
                          left.lanes + panel * left.stride, 0);
  });
}

/** How a product is cut into tasks: right panels of a task, and parts of the rows. */
struct Cut {
  int64_t panels, rowBlocks;
};

inline Cut cut(int64_t leftPanels, int64_t columns) {
  const int64_t threads = threadCount();
  const int64_t rightPanels = ceilDiv(columns, kColumns);
  const int64_t wanted = threads == 1 ? 1 : threads * 3;
  const int64_t panels = std::clamp<int64_t>(rightPanels / wanted, 1, kChunk);
  const int64_t tasks = std::max<int64_t>(1, ceilDiv(rightPanels, panels));
  // Rows are split only where columns are few, because each part packs the right operand again.
  const int64_t rowBlocks = tasks >= threads ? 1 : std::min(ceilDiv(threads * 2, tasks), std::max<int64_t>(1, leftPanels / 2));
  return {panels, rowBlocks};
}

/**
 * The product of a packed left operand with a right operand that each task packs for itself.
 *
 * @param pack (column, count, k0, k1, to, panelStride): packs columns of the right operand, elements k0 … k1 − 1
 * @param finish (sums, panel, column, block, isLast, prepared): takes a tile after each block of the reduction
 * @param prepare (column, count, thread) -> what finish needs of the task's columns
 */
template <class Lane, class Pack, class Prepare, class Finish>
void multiply(const Left<Lane>& left, int64_t columns, const Pack& pack, const Prepare& prepare,
              const Finish& finish) {
  const int64_t lanes = lanesOf<Lane>(left.depth);
  const int64_t blocks = std::max<int64_t>(1, ceilDiv(lanes, kBlock<Lane>));
  const int64_t leftPanels = left.panels();
  const auto [panels, rowBlocks] = cut(leftPanels, columns);
  const int64_t width = panels * kColumns;
  const int64_t chunks = ceilDiv(columns, width);
  const int64_t blockPanels = ceilDiv(leftPanels, rowBlocks);
  parallelFor(chunks * rowBlocks, left.rows * columns * left.depth, [&, panels = panels](int64_t task, int thread) {
    const int64_t column = task % chunks * width;
    const int64_t count = std::min(width, columns - column);
    const int64_t firstPanel = task / chunks * blockPanels;
    const int64_t endPanel = std::min(leftPanels, firstPanel + blockPanels);
    auto* packed = static_cast<uint32_t*>(
        scratch(thread, slot::weights, panels * rightStride(std::min(lanes, kBlock<Lane>)) * 4));
    const auto prepared = prepare(column, count, thread);
    const MatrixRegisters<Lane> registers;
    for (int64_t block = 0; block < blocks; block++) {
      const int64_t firstLane = block * kBlock<Lane>;
      const int64_t blockLanes = std::min(kBlock<Lane>, lanes - firstLane);
      const int64_t stride = rightStride(blockLanes);
      pack(column, count, firstLane * Lane::width, std::min(left.depth, (firstLane + blockLanes) * Lane::width),
           packed, stride);
      for (int64_t panel = firstPanel; panel < endPanel; panel++) {
        const uint32_t* rows = left.lanes + panel * left.stride + firstLane * Lane::rows;
        for (int64_t n = 0; n < count; n += kColumns) {
          Tile<Lane> sums;
          multiplyTile<Lane>(blockLanes, rows, packed + n / kColumns * stride, sums);
          finish(sums, panel, column + n, block, block + 1 == blocks, prepared);
        }
      }
    }
  });
}

}  // namespace
}  // namespace evolve
