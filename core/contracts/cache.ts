/**
 * The keys and values of the tokens that attention has seen, kept so that a pass computes only the new tokens.
 *
 *     const sequence = cache.begin();
 *     const pass = cache.pass(batch, [sequence]);           // the batch has the whole sequence
 *     const logits = model.nextLogits(pass.batch, pass);    // computes what is not cached yet
 *     pass.commit();                                        // now it is cached
 *     const twin = sequence.fork();                         // begins with the same tokens
 *     sequence.free();
 *
 * A device may have a cache of its own (`Device.makeCache`). When all sequences are freed, a cache holds nothing that
 * the garbage collector would not free: there is no call that ends it.
 */

import type { CachedLayer } from '../ops/cached-layer.js';
import type { Batch } from './batch.js';

/** All sequences that are being decoded, for one model. */
export interface KeyValueCache {
  /** A new sequence. Nothing of it is cached. */
  begin(): CachedSequence;
  /**
   * A pass over sequences that may be cached in part.
   *
   * @param whole the whole sequences, cached tokens included
   * @param sequences one for each sequence of `whole`, all of this cache
   * @throws RangeError if they do not fit, or a sequence has nothing new; Error if one is freed
   */
  pass(whole: Batch, sequences: readonly CachedSequence[]): CachePass;
}

/** One sequence of a cache. */
export interface CachedSequence {
  readonly cache: KeyValueCache;
  /** Tokens that are cached. */
  readonly length: number;
  /**
   * Another sequence that begins with the same tokens. What one of the two caches later, the other does not see.
   *
   * @throws Error if the sequence is freed
   */
  fork(): CachedSequence;
  /** Gives its memory back. The sequence cannot be used any more. To free it again does nothing. */
  free(): void;
}

/** One pass over sequences that are cached in part. */
export interface CachePass {
  /** The whole sequences. */
  readonly whole: Batch;
  /** The tokens that are not cached, which the pass computes. */
  readonly batch: Batch;
  /** `[sequences]`: tokens of each sequence that are cached already. */
  readonly pasts: Int32Array;
  /** Takes one value for each token of `whole`, and returns those of the tokens in `batch`. */
  pick(values: Int32Array): Int32Array;
  /** What the op `attention` of layer `index` (from 0) takes as `cache`. */
  layer(index: number): CachedLayer;
  /**
   * Ends the pass: its tokens are now cached. If no layer used the cache they are not, and the next pass computes all
   * tokens again. A pass that failed is not committed, and leaves its sequences as they were.
   */
  commit(): void;
}
