import {
  type AttentionLayout,
  type AttentionOptions,
  attention,
  type LinearSite,
  type Pass,
  type RotaryAngles,
  type RotaryForm,
  rotary,
  splitColumns,
  tf,
} from '../../../core/index.js';

/** Queries `[tokens, heads, headDim]`; keys and values `[tokens, kvHeads, headDim]`. */
export type QueriesKeysValues = readonly [query: tf.Tensor3D, key: tf.Tensor3D, value: tf.Tensor3D];

/** All heads of `tokens` tokens, one behind the other -> `[tokens, heads, headDim]`. */
export function splitHeads(flat: tf.Tensor2D, tokens: number, headDim: number): tf.Tensor3D {
  return tf.reshape(flat, [tokens, flat.size / (tokens * headDim), headDim]);
}

/**
 * Queries, keys and values of one projection `[tokens, (heads + 2 · kvHeads) · headDim]`, whose columns fall into `groups`
 * like parts, each of them queries, then keys, then values.
 */
export function splitFused(
  fused: tf.Tensor2D,
  { heads, kvHeads = heads, headDim }: { heads: number; kvHeads?: number; headDim: number },
  groups: number,
): QueriesKeysValues {
  const [tokens, columns] = fused.shape;
  const widths = [heads, kvHeads, kvHeads].map((count) => (count * headDim) / groups);
  const ofGroups = tf.reshape(fused, [tokens * groups, columns / groups]) as tf.Tensor2D;
  const [query, key, value] = splitColumns(ofGroups, widths).map((part) => splitHeads(part, tokens, headDim));
  return [query, key, value];
}

/** What attention of one layer takes beside queries, keys and values. */
export interface LayerAttention extends Pick<AttentionOptions, 'precisionOf'> {
  /** Which tokens attend to which: what `attentionLayout` makes once a pass, outside of the layers. */
  readonly layout: AttentionLayout;
  /** By which queries and keys are turned, where positions are told so. */
  readonly rotary?: { readonly angles: RotaryAngles; readonly form?: RotaryForm };
  /** `[hidden, heads · headDim]` */
  readonly output: LinearSite;
  /** The layer's number, from 0. */
  readonly layer: number;
}

/** Attention of one layer, scaled by 1 / sqrt(headDim), and its output projection: `[tokens, hidden]`. */
export function attend(
  [query, key, value]: QueriesKeysValues,
  { layout, precisionOf, rotary: turning, output, layer }: LayerAttention,
  pass: Pass,
): tf.Tensor2D {
  const [tokens, heads, headDim] = query.shape;
  const turned = (x: tf.Tensor3D) => (turning ? rotary(x, turning.angles, turning.form) : x);
  const mixed = attention(turned(query), turned(key), value, {
    ...layout,
    precisionOf,
    scale: 1 / Math.sqrt(headDim),
    cache: pass.cache?.layer(layer),
  });
  return output.forward(tf.reshape(mixed, [tokens, heads * headDim]), pass);
}
