import type { tf } from '../base/tf.js';

/** One layer's part of a key-value cache, for its attention. A device may keep it in memory of its own. */
export interface CachedLayer {
  /** `[sequences]`: tokens of each sequence whose keys and values are cached already. */
  readonly pasts: Int32Array;
  /** `[sequences + 1]`: the new tokens of sequence s are offsets[s] … offsets[s + 1] − 1. */
  readonly offsets: Int32Array;
  /**
   * Caches the new tokens' `k` and `v`, each `[tokens, kvHeads, headDim]`.
   *
   * @returns the keys and values of each sequence, old and new, each `[past + new, kvHeads, headDim]`. They belong to the
   *   running tidy, unless the cache keeps them (`tf.keep`) and frees them itself.
   */
  extend(k: tf.Tensor3D, v: tf.Tensor3D): readonly (readonly [keys: tf.Tensor3D, values: tf.Tensor3D])[];
}
