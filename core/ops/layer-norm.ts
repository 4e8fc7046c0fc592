import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    LayerNorm: {
      inputs: { x: tf.Tensor2D; weight: tf.Tensor1D; bias: tf.Tensor1D };
      attrs: { epsilon: number };
    };
  }
}

/**
 * Layer norm over the last dimension: `(x − mean(x)) / sqrt(variance(x) + epsilon) · weight + bias`. The variance is that of
 * the whole row (divided by hidden, not by hidden − 1). Kernel: `LayerNorm`. Source: arXiv 1607.06450.
 *
 * @param x `[tokens, hidden]`
 * @param weight `[hidden]`
 * @param bias `[hidden]`
 */
export function layerNorm(
  x: tf.Tensor2D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  epsilon: number,
): tf.Tensor2D {
  return dispatch('LayerNorm', { x, weight, bias }, { epsilon }, () => {
    const centered = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centered), -1, true);
    return tf.add(tf.mul(tf.mul(centered, tf.rsqrt(tf.add(variance, epsilon))), weight), bias);
  });
}
