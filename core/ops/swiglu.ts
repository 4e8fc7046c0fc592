import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    SwiGlu: { inputs: { gate: tf.Tensor2D; up: tf.Tensor2D } };
  }
}

/**
 * The gate of a feed-forward layer: `silu(gate) · up` with `silu(x) = x · sigmoid(x)`. Kernel: `SwiGlu`.
 * Source: arXiv 2002.05202.
 *
 * @param gate `[tokens, intermediate]`
 * @param up `[tokens, intermediate]`
 */
export function swiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return dispatch('SwiGlu', { gate, up }, {}, () => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up));
}
