// Attention without a score matrix (FlashAttention, arXiv 2205.14135): it takes the keys block by block and keeps the
// softmax as a running maximum and sum. One task is one head of one sequence, so that no sum depends on timing.
#pragma once
#include "../threads.hpp"
#include "arena.hpp"
#include "attention-scores.hpp"
#include "decode.hpp"
#include "tile.hpp"

namespace evolve {
namespace {

/** Keys of one block. */
constexpr int64_t kKeys = 128;
static_assert(kKeys % kColumns == 0);

template <class Lane>
void attentionForward(const float* q, const float* k, const float* v, const AttentionShape& shape, float* y,
                      float* logSums) {
  const int64_t depth = shape.headDim;
  const int64_t depthLanes = lanesOf<Lane>(depth);
  const int64_t keyLanes = lanesOf<Lane>(kKeys);
  const int64_t depthPanels = ceilDiv(depth, kColumns);
  const int64_t qStride = shape.heads * depth;
  const int64_t kvStride = shape.kvHeads * depth;

  parallelFor(shape.sequences * shape.heads, 2 * pairsOf(shape) * shape.heads * depth, [&](int64_t task, int thread) {
    const int64_t h = task % shape.heads;
    const HeadView head(shape, task / shape.heads, h);
    const int64_t kvHead = h / (shape.heads / shape.kvHeads);
    const DenseSource queries{q + head.start * qStride + h * depth, qStride};
    const DenseSource keys{k + head.start * kvStride + kvHead * depth, kvStride};
    const DenseSource values{v + head.start * kvStride + kvHead * depth, kvStride};
    const int64_t keyBlocks = ceilDiv(head.length, kKeys);
    const int64_t keyBlockSize = kKeys / kColumns * rightStride(depthLanes);
    const int64_t valueBlockSize = depthPanels * rightStride(keyLanes);

    Arena arena;
    const auto layOut = [&](Arena& at) {
      struct {
        uint32_t *keys, *values, *queries, *weights;
        float *scores, *sums, *largest, *total;
      } m{at.take<uint32_t>(keyBlocks * keyBlockSize),
          at.take<uint32_t>(keyBlocks * valueBlockSize),
          at.take<uint32_t>(kQueryPanels * leftStride<Lane>(depthLanes)),
          at.take<uint32_t>(kQueryPanels * leftStride<Lane>(keyLanes)),
          at.take<float>(kQueries<Lane> * kKeys),
          at.take<float>(kQueries<Lane> * depth),
          at.take<float>(kQueries<Lane>),
          at.take<float>(kQueries<Lane>)};
      return m;
    };
    layOut(arena);
    arena = {static_cast<char*>(scratch(thread, slot::scores, arena.used)), 0};
    const auto m = layOut(arena);
    const MatrixRegisters<Lane> registers;

    for (int64_t block = 0; block < keyBlocks; block++) {
      const int64_t first = block * kKeys;
      const int64_t end = std::min(head.length, first + kKeys);
      for (int64_t key = first; key < end; key += kColumns)
        packRows<Lane, kColumns>(keys, key, std::min<int64_t>(kColumns, end - key), 0, depth,
                                 m.keys + key / kColumns * rightStride(depthLanes));
      packColumns<Lane, kColumns>(values, first, end, 0, depth, m.values + block * valueBlockSize,
                                  rightStride(keyLanes));
    }

    for (int64_t query = 0; query < head.length; query += kQueries<Lane>) {
      const int64_t rows = std::min(kQueries<Lane>, head.length - query);
      for (int64_t row = 0; row < rows; row += Lane::rows)
        packLeftRows<Lane>(queries, query + row, std::min<int64_t>(Lane::rows, rows - row), 0, depth,
                              m.queries + row / Lane::rows * leftStride<Lane>(depthLanes));
      std::fill(m.sums, m.sums + rows * depth, 0.0f);
      std::fill(m.largest, m.largest + rows, -INFINITY);
      std::fill(m.total, m.total + rows, 0.0f);
      const int64_t seen = std::min(head.visible(query + rows - 1), head.length);
      for (int64_t first = 0; first < seen; first += kKeys) {
        const int64_t count = std::min(kKeys, seen - first);
        multiplyPanels<Lane>(rows, count, depthLanes, m.queries, leftStride<Lane>(depthLanes),
                             m.keys + first / kColumns * rightStride(depthLanes), rightStride(depthLanes), m.scores,
                             kKeys, false);
        for (int64_t row = 0; row < rows; row++) {
          float* scores = m.scores + row * kKeys;
          maskScores(scores, head, shape.scale, query + row, first, count);
          vf largest = set(-INFINITY);
          for (int64_t j = 0; j < count; j += W) largest = maximum(largest, load(scores + j));
          const float before = m.largest[row];
          const float now = std::max(before, maximumOf(largest));
          vf total{};
          for (int64_t j = 0; j < count; j += W) {
            const vf weight = exponential(load(scores + j) - now);
            total += weight;
            store(scores + j, weight);
          }
          const float kept = std::exp(before - now);
          m.largest[row] = now;
          m.total[row] = m.total[row] * kept + sum(total);
          if (kept != 1)
            for (int64_t i = 0; i < depth; i++) m.sums[row * depth + i] *= kept;
        }
        const int64_t lanes = lanesOf<Lane>(count);
        for (int64_t row = 0; row < rows; row += Lane::rows)
          packLeftRows<Lane>(DenseSource{m.scores, kKeys}, row, std::min<int64_t>(Lane::rows, rows - row), 0, count,
                             m.weights + row / Lane::rows * leftStride<Lane>(keyLanes));
        multiplyPanels<Lane>(rows, depth, lanes, m.weights, leftStride<Lane>(keyLanes),
                             m.values + first / kKeys * valueBlockSize, rightStride(keyLanes), m.sums, depth, true);
      }
      for (int64_t row = 0; row < rows; row++) {
        const int64_t token = head.start + query + row;
        const float inverse = 1 / m.total[row];
        for (int64_t i = 0; i < depth; i++) y[token * qStride + h * depth + i] = m.sums[row * depth + i] * inverse;
        logSums[h * shape.tokens + token] = m.largest[row] + std::log(m.total[row]);
      }
    }
  });
}

inline void attention(const float* q, const float* k, const float* v, const AttentionShape& shape, float* y,
                      float* logSums) {
  if (shape.compute == Compute::fp32) attentionForward<F32Lane>(q, k, v, shape, y, logSums);
  else attentionForward<Bf16Lane>(q, k, v, shape, y, logSums);
}

}  // namespace
}  // namespace evolve
