import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    Gelu: { inputs: { x: tf.Tensor } };
  }
}

/**
 * The Gaussian error linear unit in its tanh form: `x / 2 · (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))`, element by
 * element. Kernel: `Gelu`. Source: arXiv 1606.08415, section 2.
 */
export function gelu<T extends tf.Tensor>(x: T): T {
  return dispatch('Gelu', { x }, {}, () => {
    const cubic = tf.mul(tf.mul(x, tf.square(x)), 0.044715);
    const inner = tf.mul(tf.add(x, cubic), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  });
}
