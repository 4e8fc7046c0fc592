// Attention without a score matrix: keys are taken block by block, the softmax is kept as a running maximum and sum
// (FlashAttention, arXiv 2205.14135). One task is one head of one sequence, so that no sum depends on timing.
#pragma once
#include "gemm.hpp"

namespace evolve {
namespace {

constexpr int64_t kQueries = 4 * kRows;
constexpr int64_t kKeys = 128;
/** In the backward pass keys are also rows of left operands. */
constexpr int64_t kKeysBack = kRows == 14 ? 112 : 48;
static_assert(kKeys % kColumns == 0 && kKeysBack % kRows == 0 && kKeysBack % W == 0);

/** Pieces of one area of memory, each aligned to 64 bytes. First counted without memory, then handed out. */
struct Arena {
  char* memory = nullptr;
  int64_t used = 0;

  template <class T>
  T* take(int64_t count) {
    T* piece = memory ? reinterpret_cast<T*>(memory + used) : nullptr;
    used += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return piece;
  }
};

/** One head of one sequence. */
struct HeadView {
  int64_t start, length, prefix;
  float slope;

  HeadView(const AttentionShape& shape, int64_t sequence, int64_t head)
      : start(shape.offsets[sequence]),
        length(shape.offsets[sequence + 1] - start),
        prefix(shape.prefixes ? shape.prefixes[sequence] : 0),
        slope(shape.slopes ? shape.slopes[head] : 0.0f) {}

  /** How many keys a query sees. */
  int64_t visible(int64_t query) const { return std::max(query + 1, prefix); }
};

inline vf columnIndex() {
  vf index;
  for (int i = 0; i < W; i++) index[i] = static_cast<float>(i);
  return index;
}

/**
 * Scores of one query against `keys` keys from `firstKey` on, scaled and biased, in place; −∞ where it does not see
 * the key, and behind the last one up to a whole vector.
 */
inline void maskScores(float* scores, const HeadView& head, float scale, int64_t query, int64_t firstKey,
                       int64_t keys) {
  const float visible = static_cast<float>(std::min(head.visible(query) - firstKey, keys));
  const vf index = columnIndex();
  const float distance = static_cast<float>(firstKey - query);
  for (int64_t j = 0; j < keys; j += W) {
    const vf column = index + static_cast<float>(j);
    const vf score = load(scores + j) * scale + (column + distance) * head.slope;
    store(scores + j, column < visible ? score : set(-INFINITY));
  }
}

template <class Lane>
void attentionForward(const float* q, const float* k, const float* v, const AttentionShape& shape, float* y,
                      float* logSums) {
  const int64_t depth = shape.headDim;
  const int64_t depthLanes = lanesOf<Lane>(depth);
  const int64_t keyLanes = lanesOf<Lane>(kKeys);
  const int64_t depthPanels = ceilDiv(depth, kColumns);
  const int64_t qStride = shape.heads * depth;
  const int64_t kvStride = shape.kvHeads * depth;

  parallelFor(shape.sequences * shape.heads, [&](int64_t task, int thread) {
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
          at.take<uint32_t>(4 * leftStride(depthLanes)),
          at.take<uint32_t>(4 * leftStride(keyLanes)),
          at.take<float>(kQueries * kKeys),
          at.take<float>(kQueries * depth),
          at.take<float>(kQueries),
          at.take<float>(kQueries)};
      return m;
    };
    layOut(arena);
    arena = {static_cast<char*>(scratch(thread, slot::scores, arena.used)), 0};
    const auto m = layOut(arena);

    for (int64_t block = 0; block < keyBlocks; block++) {
      const int64_t first = block * kKeys;
      const int64_t end = std::min(head.length, first + kKeys);
      for (int64_t key = first; key < end; key += kColumns)
        packRows<Lane, kColumns>(keys, key, std::min<int64_t>(kColumns, end - key), 0, depth,
                                 m.keys + key / kColumns * rightStride(depthLanes));
      packColumns<Lane, kColumns>(values, first, end, 0, depth, m.values + block * valueBlockSize,
                                  rightStride(keyLanes));
    }

    for (int64_t query = 0; query < head.length; query += kQueries) {
      const int64_t rows = std::min(kQueries, head.length - query);
      for (int64_t row = 0; row < rows; row += kRows)
        packRows<Lane, kRows>(queries, query + row, std::min<int64_t>(kRows, rows - row), 0, depth,
                              m.queries + row / kRows * leftStride(depthLanes));
      std::fill(m.sums, m.sums + rows * depth, 0.0f);
      std::fill(m.largest, m.largest + rows, -INFINITY);
      std::fill(m.total, m.total + rows, 0.0f);
      const int64_t seen = std::min(head.visible(query + rows - 1), head.length);
      for (int64_t first = 0; first < seen; first += kKeys) {
        const int64_t count = std::min(kKeys, seen - first);
        multiplyPanels<Lane>(rows, count, depthLanes, m.queries, leftStride(depthLanes),
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
        for (int64_t row = 0; row < rows; row += kRows)
          packRows<Lane, kRows>(DenseSource{m.scores, kKeys}, row, std::min<int64_t>(kRows, rows - row), 0, count,
                                m.weights + row / kRows * leftStride(keyLanes));
        multiplyPanels<Lane>(rows, depth, lanes, m.weights, leftStride(keyLanes),
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

template <class Lane>
void attentionBackward(const float* q, const float* k, const float* v, const float* y, const float* dy,
                       const float* logSums, const AttentionShape& shape, float* dq, float* dk, float* dv) {
  const int64_t depth = shape.headDim;
  const int64_t depthLanes = lanesOf<Lane>(depth);
  const int64_t keyLanes = lanesOf<Lane>(kKeysBack);
  const int64_t queryLanes = lanesOf<Lane>(kQueries);
  const int64_t depthPanels = ceilDiv(depth, kColumns);
  const int64_t keyPanels = ceilDiv(kKeysBack, kColumns);
  const int64_t scoreStride = keyPanels * kColumns;
  const int64_t qStride = shape.heads * depth;
  const int64_t kvStride = shape.kvHeads * depth;
  const int64_t groups = shape.heads / shape.kvHeads;
  std::memset(dq, 0, static_cast<size_t>(shape.tokens * qStride) * 4);
  std::memset(dk, 0, static_cast<size_t>(shape.tokens * kvStride) * 4);
  std::memset(dv, 0, static_cast<size_t>(shape.tokens * kvStride) * 4);

  // The heads of a group add to the same key and value gradients: one task takes them one after another.
  parallelFor(shape.sequences * shape.kvHeads, [&](int64_t task, int thread) {
    const int64_t sequence = task / shape.kvHeads;
    const int64_t kvHead = task % shape.kvHeads;
    const int64_t start = shape.offsets[sequence];
    const int64_t length = shape.offsets[sequence + 1] - start;
    const int64_t queryBlocks = ceilDiv(length, kQueries);
    const int64_t leftBlock = 4 * leftStride(depthLanes);
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
          at.take<uint32_t>(std::max(4 * leftStride(keyLanes), kKeysBack / kRows * leftStride(queryLanes))),
          at.take<float>(kQueries * scoreStride),
          at.take<float>(kQueries * scoreStride),
          at.take<float>(length)};
      return m;
    };
    layOut(arena);
    arena = {static_cast<char*>(scratch(thread, slot::scores, arena.used)), 0};
    const auto m = layOut(arena);
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
        const int64_t first = block * kQueries;
        const int64_t end = std::min(length, first + kQueries);
        for (int64_t row = first; row < end; row += kRows) {
          const int64_t at = block * leftBlock + (row - first) / kRows * leftStride(depthLanes);
          packRows<Lane, kRows>(queries, row, std::min<int64_t>(kRows, end - row), 0, depth, m.queries + at);
          packRows<Lane, kRows>(outputs, row, std::min<int64_t>(kRows, end - row), 0, depth, m.outputs + at);
        }
        packColumns<Lane, kColumns>(queries, first, end, 0, depth, m.queriesRight + block * rightBlock,
                                    rightStride(queryLanes));
        packColumns<Lane, kColumns>(outputs, first, end, 0, depth, m.outputsRight + block * rightBlock,
                                    rightStride(queryLanes));
      }

      for (int64_t key = 0; key < length; key += kKeysBack) {
        const int64_t count = std::min(kKeysBack, length - key);
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
          const int64_t first = block * kQueries;
          const int64_t rows = std::min(kQueries, length - first);
          if (head.visible(first + rows - 1) <= key) continue;
          multiplyPanels<Lane>(rows, count, depthLanes, m.queries + block * leftBlock, leftStride(depthLanes), m.keys,
                               rightStride(depthLanes), m.scores, scoreStride, false);
          multiplyPanels<Lane>(rows, count, depthLanes, m.outputs + block * leftBlock, leftStride(depthLanes),
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
            packColumns<Lane, kRows>(DenseSource{from, scoreStride}, 0, rows, 0, count, m.left,
                                     leftStride(queryLanes));
          };
          packTurned(m.scores);
          multiplyPanels<Lane>(count, depth, lanes, m.left, leftStride(queryLanes),
                               m.outputsRight + block * rightBlock, rightStride(queryLanes), dvBlock, kvStride, true);
          packTurned(m.gradients);
          multiplyPanels<Lane>(count, depth, lanes, m.left, leftStride(queryLanes),
                               m.queriesRight + block * rightBlock, rightStride(queryLanes), dkBlock, kvStride, true);
          for (int64_t row = 0; row < rows; row += kRows)
            packRows<Lane, kRows>(DenseSource{m.gradients, scoreStride}, row, std::min<int64_t>(kRows, rows - row), 0,
                                  count, m.left + row / kRows * leftStride(keyLanes));
          multiplyPanels<Lane>(rows, depth, lanesOf<Lane>(count), m.left, leftStride(keyLanes), m.keysRight,
                               rightStride(keyLanes), dq + (start + first) * qStride + h * depth, qStride, true);
        }
      }
    }
  });
}

inline void attention(const float* q, const float* k, const float* v, const AttentionShape& shape, float* y,
                      float* logSums) {
  if (shape.compute == Compute::fp32) attentionForward<F32Lane>(q, k, v, shape, y, logSums);
  else attentionForward<Bf16Lane>(q, k, v, shape, y, logSums);
}

inline void attentionGradient(const float* q, const float* k, const float* v, const float* y, const float* dy,
                              const float* logSums, const AttentionShape& shape, float* dq, float* dk, float* dv) {
  if (shape.compute == Compute::fp32) attentionBackward<F32Lane>(q, k, v, y, dy, logSums, shape, dq, dk, dv);
  else attentionBackward<Bf16Lane>(q, k, v, y, dy, logSums, shape, dq, dk, dv);
}

}  // namespace
}  // namespace evolve
