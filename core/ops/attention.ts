import * as tf from '@tensorflow/tfjs';
import type { FrozenWeight } from '../frozen-weight.js';
import { dispatch } from './dispatch.js';

/** Which tokens attend to which: each to itself and those before it in its own sequence, unless `prefixes` opens more. */
export interface AttentionOptions {
  /** What scores are multiplied with, usually 1 / sqrt(headDim). */
  readonly scale: number;
  /** `[sequences + 1]`: sequence s is the tokens offsets[s] … offsets[s + 1] − 1. */
  readonly offsets: Int32Array;
  /** `[sequences]`: the first prefixes[s] tokens of sequence s see each other both ways. */
  readonly prefixes?: Int32Array;
  /** `[heads]`: slopes[h] · (j − i) is added to the score of query i and key j (ALiBi, arXiv 2108.12409). */
  readonly slopes?: Float32Array;
  /** A device that computes in several arithmetics takes that of products with this weight; else fp32. */
  readonly precisionOf?: FrozenWeight;
}

/** Large enough that the softmax of a masked score is exactly 0. */
const MASKED = -1e9;

/**
 * Scaled dot-product attention with grouped heads, over sequences that lie one after another: query head h attends to
 * key-value head h / (heads / kvHeads). Kernel: `Attention`. Source: arXiv 1706.03762; grouped heads: arXiv 2305.13245.
 *
 * @param q `[tokens, heads, headDim]`
 * @param k `[tokens, kvHeads, headDim]`
 * @param v `[tokens, kvHeads, headDim]`
 * @returns `[tokens, heads, headDim]`
 * @throws RangeError where shapes or options contradict each other
 */
export function attention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  options: AttentionOptions,
): tf.Tensor3D {
  checkShapes(q, k, v, options);
  const { scale, offsets, prefixes, slopes } = options;
  return dispatch('Attention', { q, k, v }, { ...options }, () => {
    const lengths = Array.from(offsets.subarray(1), (end, s) => end - offsets[s]);
    const [queries, keys, values] = [q, k, v].map((x) => split(x, lengths));
    const mixed = lengths.map((length, s) => {
      const mask = tf.tensor3d(additiveMask(length, prefixes?.[s] ?? 0), [1, length, length]);
      const bias = slopes
        ? tf.add(mask, tf.mul(tf.tensor3d(slopes, [slopes.length, 1, 1]), distances(length)))
        : mask;
      return attendWithin(queries[s], keys[s], values[s], scale, bias);
    });
    return mixed.length === 1 ? mixed[0] : tf.concat(mixed, 0);
  });
}

/** Attention within one sequence; `bias`, `[1 or heads, length, length]`, is added to the scores. */
function attendWithin(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  scale: number,
  bias: tf.Tensor,
): tf.Tensor3D {
  const [length, heads, headDim] = q.shape;
  const kvHeads = k.shape[1];
  const groups = heads / kvHeads;
  // The heads that share a key-value head stand under each other, so keys and values need no repetition.
  const grouped = tf.reshape(tf.transpose(q, [1, 0, 2]), [kvHeads, groups * length, headDim]);
  const products = tf.matMul(grouped, tf.transpose(k, [1, 0, 2]), false, true);
  const scores = tf.mul(tf.reshape(products, [heads, length, length]), scale);
  const weights = tf.reshape(tf.softmax(tf.add(scores, bias)), [kvHeads, groups * length, length]);
  const mixed = tf.matMul(weights, tf.transpose(v, [1, 0, 2]));
  return tf.transpose(tf.reshape(mixed, [heads, length, headDim]), [1, 0, 2]);
}

/** The sequences of `x`. */
function split(x: tf.Tensor3D, lengths: number[]): tf.Tensor3D[] {
  // The gradient of a split into one fails in tfjs 4.22: it takes its one dy for a list.
  return lengths.length === 1 ? [x] : tf.split(x, lengths, 0);
}

/** `[length, length]`: 0 where the column may be attended to from the row, else MASKED. */
function additiveMask(length: number, prefix: number): Float32Array {
  const mask = new Float32Array(length * length).fill(MASKED);
  for (let query = 0; query < length; query++) {
    const seen = query < prefix ? prefix : query + 1;
    mask.fill(0, query * length, query * length + seen);
  }
  return mask;
}

/** `[1, length, length]`: column − row. */
function distances(length: number): tf.Tensor3D {
  const to = tf.range(0, length, 1, 'float32');
  return tf.sub(tf.reshape(to, [1, 1, length]), tf.reshape(to, [1, length, 1]));
}

function checkShapes(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, options: AttentionOptions): void {
  const { offsets, prefixes, slopes } = options;
  const [tokens, heads, headDim] = q.shape;
  const kvHeads = k.shape[1];
  const refuse = (what: string): never => {
    throw new RangeError(`attention: ${what}`);
  };
  if (k.shape[0] !== tokens || k.shape[2] !== headDim || k.shape.join() !== v.shape.join()) {
    refuse(`q [${q.shape}], k [${k.shape}] and v [${v.shape}] do not fit together`);
  }
  if (heads % kvHeads !== 0) refuse(`${heads} heads are no multiple of ${kvHeads} key-value heads`);
  const sequences = offsets.length - 1;
  const ascends = offsets.every((offset, s) => (s === 0 ? offset === 0 : offset > offsets[s - 1]));
  if (sequences < 1 || !ascends || offsets[sequences] !== tokens) {
    refuse(`offsets must ascend from 0 to the number of tokens, ${tokens}, but are [${offsets}]`);
  }
  if (prefixes && prefixes.length !== sequences) {
    refuse(`${prefixes.length} prefixes do not fit ${sequences} sequences`);
  }
  const outside =
    prefixes?.findIndex((prefix, s) => prefix < 0 || prefix > offsets[s + 1] - offsets[s]) ?? -1;
  if (outside >= 0) refuse(`the prefix ${prefixes?.[outside]} is not within sequence ${outside}`);
  if (slopes && slopes.length !== heads) refuse(`${slopes.length} slopes do not fit ${heads} heads`);
}
