import * as tf from '@tensorflow/tfjs';
import { dispatch } from './dispatch.js';

/** Who may attend to whom: each token to itself and those before it, within the first `lengths[row]` of its row. */
export interface CausalMask {
  readonly kind: 'causal';
  readonly lengths: Int32Array;
}

export interface AttentionOptions {
  /** What scores are multiplied with, usually 1 / sqrt(headDim). */
  readonly scale: number;
  readonly mask: CausalMask;
}

/** Large enough that the softmax of a masked score is exactly 0, and finite, so that a row of padding is no NaN. */
const MASKED = -1e9;

/**
 * Scaled dot-product attention with grouped heads: query head h attends to key-value head h / (heads / kvHeads).
 * Kernel: `Attention`. Source: arXiv 1706.03762; grouped heads: arXiv 2305.13245.
 *
 * @param q `[rows, length, heads, headDim]`
 * @param k `[rows, length, kvHeads, headDim]`
 * @param v `[rows, length, kvHeads, headDim]`
 * @returns `[rows, length, heads, headDim]`
 */
export function attention(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  options: AttentionOptions,
): tf.Tensor4D {
  const [rows, length, heads, headDim] = q.shape;
  const kvHeads = k.shape[2];
  if (heads % kvHeads !== 0) {
    throw new RangeError(`attention: ${heads} heads are no multiple of ${kvHeads} key-value heads`);
  }
  return dispatch('Attention', { q, k, v }, { ...options }, () => {
    const groups = heads / kvHeads;
    // The heads that share a key-value head stand under each other, so keys and values need no repetition.
    const grouped = tf.reshape(tf.transpose(q, [0, 2, 1, 3]), [rows * kvHeads, groups * length, headDim]);
    const keys = tf.reshape(tf.transpose(k, [0, 2, 1, 3]), [rows * kvHeads, length, headDim]);
    const values = tf.reshape(tf.transpose(v, [0, 2, 1, 3]), [rows * kvHeads, length, headDim]);
    const scores = tf.reshape(tf.mul(tf.matMul(grouped, keys, false, true), options.scale), [
      rows,
      heads,
      length,
      length,
    ]);
    const weights = tf.softmax(tf.add(scores, additiveMask(options.mask, length)));
    const mixed = tf.matMul(tf.reshape(weights, [rows * kvHeads, groups * length, length]), values);
    return tf.transpose(tf.reshape(mixed, [rows, heads, length, headDim]), [0, 2, 1, 3]);
  });
}

/** `[rows, 1, length, length]`: 0 where the column may be attended to, else MASKED. Built once per mask. */
function additiveMask(mask: CausalMask, length: number): tf.Tensor4D {
  let values = additiveMasks.get(mask);
  if (!values) {
    const rows = mask.lengths.length;
    values = new Float32Array(rows * length * length).fill(MASKED);
    for (let row = 0, at = 0; row < rows; row++) {
      for (let query = 0; query < length; query++, at += length) {
        values.fill(0, at, at + Math.min(query + 1, mask.lengths[row]));
      }
    }
    additiveMasks.set(mask, values);
  }
  return tf.tensor4d(values, [mask.lengths.length, 1, length, length]);
}

const additiveMasks = new WeakMap<CausalMask, Float32Array>();
