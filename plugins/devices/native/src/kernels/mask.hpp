// The dropout mask: a function of the seed and the index of an element, so that no mask is stored.
#pragma once
#include "simd.hpp"

namespace evolve {
namespace {

/** The mask of one rate and seed; rate 0 keeps everything. */
struct Mask {
  uint32_t seed = 0;
  /** The largest hash that drops its element; where it is below 0, none does. */
  int64_t last = -1;
  float kept = 1;

  Mask() = default;
  Mask(double rate, uint32_t seed)
      : seed(seed), last(static_cast<int64_t>(std::ceil(rate * 4294967296.0)) - 1), kept(static_cast<float>(1 / (1 - rate))) {}

  bool any() const { return last >= 0; }
  /** The factors of elements index … index + W − 1; only for a mask that drops any. */
  vf at(int64_t index) const {
    return dropoutMask(static_cast<uint32_t>(index), seed, static_cast<uint32_t>(last), kept);
  }
};

}  // namespace
}  // namespace evolve
