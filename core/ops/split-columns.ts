import { tf } from '../base/tf.js';
import { dispatchAll } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    /** A tensor for every width. */
    SplitColumns: { inputs: { x: tf.Tensor2D }; attrs: { widths: readonly number[] } };
  }
}

/**
 * Cuts a matrix into blocks of columns. The gradient puts them side by side again. This splits the result of a fused layer:
 * `[tokens, q | k | v]` as it is, and heads that each have their own q, k and v as `[tokens · heads, 3 · headDim]`. Kernel:
 * `SplitColumns`.
 *
 * @param x `[rows, columns]`
 * @param widths the widths of the blocks; their sum is `columns`
 * @returns `[rows, width]` for each width
 * @throws RangeError if the widths do not fit
 */
export function splitColumns(x: tf.Tensor2D, widths: readonly number[]): tf.Tensor2D[] {
  const total = widths.reduce((sum, width) => sum + width, 0);
  if (total !== x.shape[1] || widths.some((width) => width < 1)) {
    throw new RangeError(`splitColumns: widths [${widths}] do not fit x [${x.shape}]`);
  }
  // The gradient of a split into one part fails in tfjs 4.22: it takes its single dy for a list.
  if (widths.length === 1) return [tf.clone(x)];
  return dispatchAll('SplitColumns', { x }, { widths }, () => tf.split(x, [...widths], 1)) as tf.Tensor2D[];
}
