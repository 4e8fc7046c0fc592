import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    RmsNorm: { inputs: { x: tf.Tensor2D; weight: tf.Tensor1D }; attrs: { epsilon: number } };
  }
}

/**
 * Root-mean-square norm over the last dimension: `x / sqrt(mean(x²) + epsilon) · weight`. Kernel: `RmsNorm`.
 * Source: arXiv 1910.07467.
 *
 * @param x `[tokens, hidden]`
 * @param weight `[hidden]`
 */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  return dispatch('RmsNorm', { x, weight }, { epsilon }, () => {
    const variance = tf.mean(tf.square(x), -1, true);
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(variance, epsilon))), weight);
  });
}
