import { tf } from '../base/tf.js';
import type { CachedLayer } from './cached-layer.js';
import { hasKernel } from './dispatch.js';

/** Which tokens attend to which: each to itself and to those before it in its sequence; `prefixes` may open more. */
export interface AttentionLayout {
  /** `[sequences + 1]`: sequence s is the tokens offsets[s] … offsets[s + 1] − 1. */
  readonly offsets: Int32Array;
  /** `[sequences]`: the first prefixes[s] tokens of sequence s, cached ones included, see each other both ways. */
  readonly prefixes?: Int32Array | undefined;
  /** `[heads]`: slopes[h] · (j − i) is added to the score of query i and key j (ALiBi, arXiv 2108.12409). */
  readonly slopes?: Float32Array | undefined;
  /**
   * What the other options add to the scores of each sequence, `[1 or heads, queries, keys]`, if `attentionLayout` has made it
   * before.
   */
  readonly biases?: readonly tf.Tensor3D[] | undefined;
}

type Pasts = Pick<CachedLayer, 'pasts'>;

/** Large enough that the softmax of a masked score is exactly 0. */
const MASKED = -1e9;

/**
 * The layout with its biases, for a pass of many layers, so that they are made once and not in each. If the active backend has
 * a kernel for attention, there are none: it needs none.
 *
 *     const layout = attentionLayout({ offsets: batch.offsets }, pass.cache);
 *     attention(q, k, v, { ...layout, scale, cache: pass.cache?.layer(index) });    // in each layer
 *
 * The biases belong to the running tidy: make them outside the tidies of the layers.
 *
 * @param cache the pass over partly cached sequences, if the layers take it
 */
export function attentionLayout(layout: AttentionLayout, cache?: Pasts): AttentionLayout {
  return hasKernel(attentionKernel(cache)) ? layout : { ...layout, biases: attentionBiases(layout, cache) };
}

/** The kernel of attention, with a cache or without. */
export function attentionKernel(cache: Pasts | undefined): 'Attention' | 'CachedAttention' {
  return cache ? 'CachedAttention' : 'Attention';
}

/** What is added to the scores of each sequence, `[1 or heads, queries, keys]`. The queries are its last tokens. */
export function attentionBiases(layout: AttentionLayout, cache?: Pasts): tf.Tensor3D[] {
  const { prefixes, slopes } = layout;
  return biasShapes(layout, cache).map((shape, s) => {
    const mask = additiveMask(shape, prefixes?.[s] ?? 0);
    return tf.tensor3d(slopes ? withDistances(mask, slopes, shape) : mask, shape);
  });
}

/** The shapes of `attentionBiases`. */
export function biasShapes(
  { offsets, slopes }: AttentionLayout,
  cache: Pasts | undefined,
): [number, number, number][] {
  return Array.from(offsets.subarray(1), (end, s) => {
    const queries = end - offsets[s];
    return [slopes?.length ?? 1, queries, (cache?.pasts[s] ?? 0) + queries];
  });
}

/** `[queries, keys]`: 0 if the query sees the key, else MASKED. */
function additiveMask([, queries, keys]: readonly number[], prefix: number): Float32Array {
  const mask = new Float32Array(queries * keys).fill(MASKED);
  for (let row = 0; row < queries; row++) {
    const query = keys - queries + row;
    const seen = query < prefix ? prefix : query + 1;
    mask.fill(0, row * keys, row * keys + seen);
  }
  return mask;
}

/** `[heads, queries, keys]`: the mask plus each head's slope times the key's position − the query's. */
function withDistances(
  mask: Float32Array,
  slopes: Float32Array,
  [heads, queries, keys]: readonly number[],
): Float32Array {
  const sums = new Float32Array(heads * mask.length);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < queries; row++) {
      const query = keys - queries + row;
      for (let key = 0; key < keys; key++) {
        const at = row * keys + key;
        // Product and sum are rounded separately, as they would be in fp32 tensors.
        sums[head * mask.length + at] = mask[at] + Math.fround(slopes[head] * (key - query));
      }
    }
  }
  return sums;
}
