import { tf } from '../base/tf.js';
import { type AttentionLayout, attentionBiases, attentionKernel, biasShapes } from './attention-layout.js';
import type { CachedLayer } from './cached-layer.js';
import { dispatch } from './dispatch.js';
import type { FrozenWeight } from './frozen-weight.js';

export interface AttentionOptions extends AttentionLayout {
  /** Scores are multiplied by this, usually 1 / sqrt(headDim). */
  readonly scale: number;
  /** A device with several arithmetics takes the one that it has for products with this weight. The default is fp32. */
  readonly precisionOf?: FrozenWeight | undefined;
  /** The tokens of each sequence that came before those of `offsets`. The new ones are added to it. */
  readonly cache?: CachedLayer | undefined;
}

declare module './kernels.js' {
  interface Kernels {
    Attention: { inputs: { q: tf.Tensor3D; k: tf.Tensor3D; v: tf.Tensor3D }; attrs: AttentionOptions };
    CachedAttention: {
      inputs: Kernels['Attention']['inputs'];
      attrs: AttentionOptions & { cache: CachedLayer };
    };
  }
}

/**
 * Scaled dot-product attention with grouped heads, over sequences that lie one after another. Query head h attends to
 * key-value head h / (heads / kvHeads). With a cache, queries attend to its tokens too, and no gradient is taken. Kernels:
 * `Attention`; `CachedAttention`, which also writes k and v into the cache's blocks. Source: arXiv 1706.03762; grouped heads:
 * arXiv 2305.13245.
 *
 * @param q `[tokens, heads, headDim]`
 * @param k `[tokens, kvHeads, headDim]`
 * @param v `[tokens, kvHeads, headDim]`
 * @returns `[tokens, heads, headDim]`
 * @throws RangeError if shapes or options contradict each other
 */
export function attention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  options: AttentionOptions,
): tf.Tensor3D {
  checkShapes(q, k, v, options);
  const { scale, offsets, cache } = options;
  return dispatch(attentionKernel(cache), { q, k, v }, { ...options }, () => {
    const lengths = Array.from(offsets.subarray(1), (end, s) => end - offsets[s]);
    const queries = split(q, lengths);
    const keysAndValues = cache?.extend(k, v) ?? zip(split(k, lengths), split(v, lengths));
    const biases = options.biases ?? attentionBiases(options, cache);
    const mixed = queries.map((query, s) => {
      const [keys, values] = keysAndValues[s];
      return attendWithin(query, keys, values, scale, biases[s]);
    });
    return mixed.length === 1 ? mixed[0] : tf.concat(mixed, 0);
  });
}

/** Attention within one sequence; `bias`, `[1 or heads, queries, keys]`, is added to the scores. */
function attendWithin(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  scale: number,
  bias: tf.Tensor3D,
): tf.Tensor3D {
  const [queries, heads, headDim] = q.shape;
  const [keys, kvHeads] = k.shape;
  const groups = heads / kvHeads;
  // Heads that share a key-value head stand one below the other, so keys and values need no repetition.
  const grouped = tf.reshape(tf.transpose(q, [1, 0, 2]), [kvHeads, groups * queries, headDim]);
  const products = tf.matMul(grouped, tf.transpose(k, [1, 0, 2]), false, true);
  const scores = tf.mul(tf.reshape(products, [heads, queries, keys]), scale);
  const weights = tf.reshape(tf.softmax(tf.add(scores, bias)), [kvHeads, groups * queries, keys]);
  const mixed = tf.matMul(weights, tf.transpose(v, [1, 0, 2]));
  return tf.transpose(tf.reshape(mixed, [heads, queries, headDim]), [1, 0, 2]);
}

/** The sequences of `x`. */
function split(x: tf.Tensor3D, lengths: number[]): tf.Tensor3D[] {
  // The gradient of a split into one part fails in tfjs 4.22: it takes its single dy for a list.
  return lengths.length === 1 ? [x] : tf.split(x, lengths, 0);
}

function zip<A, B>(as: readonly A[], bs: readonly B[]): [A, B][] {
  return as.map((a, i) => [a, bs[i]]);
}

function checkShapes(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, options: AttentionOptions): void {
  const { offsets, prefixes, slopes, biases, cache } = options;
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
  if (cache && cache.offsets.join() !== offsets.join()) {
    refuse(`offsets [${offsets}] are not those of the cache, [${cache.offsets}]`);
  }
  const lengthOf = (s: number) => (cache?.pasts[s] ?? 0) + offsets[s + 1] - offsets[s];
  const outside = prefixes?.findIndex((prefix, s) => prefix < 0 || prefix > lengthOf(s)) ?? -1;
  if (outside >= 0) refuse(`the prefix ${prefixes?.[outside]} is not within sequence ${outside}`);
  if (slopes && slopes.length !== heads) refuse(`${slopes.length} slopes do not fit ${heads} heads`);
  if (!biases) return;
  const [made, needed] = [biases.map(({ shape }) => shape), biasShapes(options, cache)].map(listOf);
  if (made !== needed) refuse(`biases ${made} do not fit: ${needed} are needed`);
}

function listOf(shapes: readonly (readonly number[])[]): string {
  return shapes.map((shape) => `[${shape}]`).join(' ');
}
