// The scores of one query: which keys it sees, and what is added to each score. All forms of attention use this:
// attention.hpp, attention-gradient.hpp and cached-attention.hpp.
#pragma once
#include <algorithm>

#include "../kernels.hpp"
#include "panels.hpp"

namespace evolve {
namespace {

/** Panels of queries that attention and its gradient take at once. */
constexpr int64_t kQueryPanels = 4;
template <class Lane>
constexpr int64_t kQueries = kQueryPanels * Lane::rows;

/** One head of one sequence. */
struct HeadView {
  int64_t start, length, prefix;
  float slope;

  HeadView(const AttentionShape& shape, int64_t sequence, int64_t head)
      : start(shape.offsets[sequence]),
        length(shape.offsets[sequence + 1] - start),
        prefix(shape.prefixes ? shape.prefixes[sequence] : 0),
        slope(shape.slopes ? shape.slopes[head] : 0.0f) {}

  /** The number of keys that a query sees. */
  int64_t visible(int64_t query) const { return std::max(query + 1, prefix); }
};

/** Of a query and a key of its sequence, at most. */
inline int64_t pairsOf(const AttentionShape& shape) {
  int64_t pairs = 0;
  for (int64_t sequence = 0; sequence < shape.sequences; sequence++) {
    const int64_t length = shape.offsets[sequence + 1] - shape.offsets[sequence];
    pairs += length * length;
  }
  return pairs;
}

/** 0, 1, … W − 1. */
inline vf columnIndex() {
  vf index;
  for (int i = 0; i < W; i++) index[i] = static_cast<float>(i);
  return index;
}

/**
 * Scales the scores of one query against `keys` keys from `firstKey` on, and adds the head's slope times the distance.
 * In place. The score is −∞ where the query does not see the key, and behind the last key up to a whole vector.
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

}  // namespace
}  // namespace evolve
