import { tf } from '../base/tf.js';
import { dispatch, numbered } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    /** The inputs are `x0`, `x1`, …. */
    GlobalNorm: { inputs: Record<`x${number}`, tf.Tensor> };
  }
}

/** The Euclidean norm of all the tensors' elements together, a scalar. Kernel: `GlobalNorm`. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  if (tensors.length === 0) throw new RangeError('globalNorm: there is no tensor');
  return dispatch('GlobalNorm', numbered('x', tensors), {}, () =>
    tf.tidy(() => tf.sqrt(tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor))))) as tf.Scalar),
  );
}
