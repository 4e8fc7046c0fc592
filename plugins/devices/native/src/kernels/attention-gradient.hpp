// The gradient of attention, without a score matrix: it computes the scores again, block by block, from the sums that
// attention.hpp keeps (FlashAttention, arXiv 2205.14135).
#pragma once
#include "../threads.hpp"
#include "arena.hpp"
#include "attention-scores.hpp"
#include "decode.hpp"
#include "tile.hpp"

namespace evolve {
namespace {

/** Keys of one block: they are also rows of left operands. */
template <class Lane>
constexpr int64_t kKeysBack = Lane::rows * (Lane::step > 1 ? 4 : 8);

template <class Lane>
void attentionBackward(const float* q, const float* k, const float* v, const float* y, const float* dy,
                       const float* logSums, const AttentionShape& shape, float* dq, float* dk, float* dv) {
  const int64_t depth = shape.headDim;
  const int64_t depthLanes = lanesOf<Lane>(depth);
  const int64_t keyLanes = lanesOf<Lane>(kKeysBack<Lane>);
  const int64_t queryLanes = lanesOf<Lane>(kQueries<Lane>);
  const int64_t depthPanels = ceilDiv(depth, kColumns);
  const int64_t keyPanels = ceilDiv(kKeysBack<Lane>, kColumns);
  const int64_t scoreStride = keyPanels * kColumns;
  const int64_t qStride = shape.heads * depth;
  const int64_t kvStride = shape.kvHeads * depth;
  const int64_t groups = shape.heads / shape.kvHeads;
  std::memset(dq, 0, static_cast<size_t>(shape.tokens * qStride) * 4);
  std::memset(dk, 0, static_cast<size_t>(shape.tokens * kvStride) * 4);
  std::memset(dv, 0, static_cast<size_t>(shape.tokens * kvStride) * 4);

  // The heads of a group add to the same key and value gradients, so one task takes them one after another.
  parallelFor(shape.sequences * shape.kvHeads, 5 * pairsOf(shape) * shape.heads * depth, [&](int64_t task, int thread) {
    const int64_t sequence = task / shape.kvHeads;
    const int64_t kvHead = task % shape.kvHeads;
    const int64_t start = shape.offsets[sequence];
    const int64_t length = shape.offsets[sequence + 1] - start;
    const int64_t queryBlocks = ceilDiv(length, kQueries<Lane>);
    const int64_t leftBlock = kQueryPanels * leftStride<Lane>(depthLanes);
    const int64_t rightBlock = depthPanels * rightStride(queryLanes);

    Arena arena;
    const auto layOut = [&](Arena& at) {
      struct {
        uint32_t *queries, *outputs, *queriesRight, *outputsRight, *keys, *values, *keysRight, *left;
        float *scores, *gradients, *dots;
      } m{at.take<uint32_t>(queryBlocks * leftBlock),
          at.take<uint32_t>(queryBlocks * leftBlock),
          at.take<uint32_t>(queryBlocks * rightBlock),
          at.take<uint32_t>(queryBlocks * rightBlock),
          at.take<uint32_t>(keyPanels * rightStride(depthLanes)),
          at.take<uint32_t>(keyPanels * rightStride(depthLanes)),
          at.take<uint32_t>(depthPanels * rightStride(keyLanes)),
          at.take<uint32_t>(std::max(kQueryPanels * leftStride<Lane>(keyLanes),
                                     kKeysBack<Lane> / Lane::rows * leftStride<Lane>(queryLanes))),
          at.take<float>(kQueries<Lane> * scoreStride),
          at.take<float>(kQueries<Lane> * scoreStride),
          at.take<float>(length)};
      return m;
    };
    layOut(arena);
    arena = {static_cast<char*>(scratch(thread, slot::scores, arena.used)), 0};
    const auto m = layOut(arena);
    const MatrixRegisters<Lane> registers;
    const DenseSource keys{k + start * kvStride + kvHead * depth, kvStride};
    const DenseSource values{v + start * kvStride + kvHead * depth, kvStride};

    for (int64_t h = kvHead * groups; h < (kvHead + 1) * groups; h++) {
      const HeadView head(shape, sequence, h);
      const DenseSource queries{q + start * qStride + h * depth, qStride};
      const DenseSource outputs{dy + start * qStride + h * depth, qStride};
      const float* yHead = y + start * qStride + h * depth;
      for (int64_t row = 0; row < length; row++) {
        float total = 0;
        for (int64_t i = 0; i < depth; i++) total += outputs.data[row * qStride + i] * yHead[row * qStride + i];
        m.dots[row] = total;
      }
      for (int64_t block = 0; block < queryBlocks; block++) {
        const int64_t first = block * kQueries<Lane>;
        const int64_t end = std::min(length, first + kQueries<Lane>);
        for (int64_t row = first; row < end; row += Lane::rows) {
          const int64_t at = block * leftBlock + (row - first) / Lane::rows * leftStride<Lane>(depthLanes);
          packLeftRows<Lane>(queries, row, std::min<int64_t>(Lane::rows, end - row), 0, depth, m.queries + at);
          packLeftRows<Lane>(outputs, row, std::min<int64_t>(Lane::rows, end - row), 0, depth, m.outputs + at);
        }
        packColumns<Lane, kColumns>(queries, first, end, 0, depth, m.queriesRight + block * rightBlock,
                                    rightStride(queryLanes));
        packColumns<Lane, kColumns>(outputs, first, end, 0, depth, m.outputsRight + block * rightBlock,
                                    rightStride(queryLanes));
      }

      for (int64_t key = 0; key < length; key += kKeysBack<Lane>) {
        const int64_t count = std::min(kKeysBack<Lane>, length - key);
        for (int64_t n = 0; n < count; n += kColumns) {
          const int64_t columns = std::min<int64_t>(kColumns, count - n);
          const int64_t at = n / kColumns * rightStride(depthLanes);
          packRows<Lane, kColumns>(keys, key + n, columns, 0, depth, m.keys + at);
          packRows<Lane, kColumns>(values, key + n, columns, 0, depth, m.values + at);
        }
        packColumns<Lane, kColumns>(keys, key, key + count, 0, depth, m.keysRight, rightStride(keyLanes));
        float* dkBlock = dk + (start + key) * kvStride + kvHead * depth;
        float* dvBlock = dv + (start + key) * kvStride + kvHead * depth;

        for (int64_t block = 0; block < queryBlocks; block++) {
          const int64_t first = block * kQueries<Lane>;
          const int64_t rows = std::min(kQueries<Lane>, length - first);
          if (head.visible(first + rows - 1) <= key) continue;
          multiplyPanels<Lane>(rows, count, depthLanes, m.queries + block * leftBlock, leftStride<Lane>(depthLanes),
                               m.keys, rightStride(depthLanes), m.scores, scoreStride, false);
          multiplyPanels<Lane>(rows, count, depthLanes, m.outputs + block * leftBlock, leftStride<Lane>(depthLanes),
                               m.values, rightStride(depthLanes), m.gradients, scoreStride, false);
          for (int64_t row = 0; row < rows; row++) {
            float* scores = m.scores + row * scoreStride;
            float* gradients = m.gradients + row * scoreStride;
            maskScores(scores, head, shape.scale, first + row, key, count);
            const float logSum = logSums[h * shape.tokens + start + first + row];
            const float dot = m.dots[first + row];
            for (int64_t j = 0; j < count; j += W) {
              const vf weight = exponential(load(scores + j) - logSum);
              store(scores + j, weight);
              store(gradients + j, weight * (load(gradients + j) - dot) * shape.scale);
            }
          }
          const int64_t lanes = lanesOf<Lane>(rows);
          const auto packTurned = [&](const float* from) {
            packLeftColumns<Lane>(DenseSource{from, scoreStride}, 0, rows, 0, count, m.left,
                                  leftStride<Lane>(queryLanes));
          };
          packTurned(m.scores);
          multiplyPanels<Lane>(count, depth, lanes, m.left, leftStride<Lane>(queryLanes),
                               m.outputsRight + block * rightBlock, rightStride(queryLanes), dvBlock, kvStride, true);
          packTurned(m.gradients);
          multiplyPanels<Lane>(count, depth, lanes, m.left, leftStride<Lane>(queryLanes),
                               m.queriesRight + block * rightBlock, rightStride(queryLanes), dkBlock, kvStride, true);
          for (int64_t row = 0; row < rows; row += Lane::rows)
            packLeftRows<Lane>(DenseSource{m.gradients, scoreStride}, row, std::min<int64_t>(Lane::rows, rows - row), 0,
                               count, m.left + row / Lane::rows * leftStride<Lane>(keyLanes));
          multiplyPanels<Lane>(rows, depth, lanesOf<Lane>(count), m.left, leftStride<Lane>(keyLanes), m.keysRight,
                               rightStride(keyLanes), dq + (start + first) * qStride + h * depth, qStride, true);
        }
      }
    }
  });
}

inline void attentionGradient(const float* q, const float* k, const float* v, const float* y, const float* dy,
                              const float* logSums, const AttentionShape& shape, float* dq, float* dk, float* dv) {
  if (shape.compute == Compute::fp32) attentionBackward<F32Lane>(q, k, v, y, dy, logSums, shape, dq, dk, dv);
  else attentionBackward<Bf16Lane>(q, k, v, y, dy, logSums, shape, dq, dk, dv);
}

}  // namespace
}  // namespace evolve
