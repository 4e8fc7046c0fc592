import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    AddBias: { inputs: { x: tf.Tensor2D; bias: tf.Tensor1D } };
  }
}

/**
 * A vector added to every row; its gradient is the sum of the rows. Kernel: `AddBias`.
 *
 * @param x `[rows, columns]`
 * @param bias `[columns]`
 * @throws RangeError if the bias does not fit
 */
export function addBias(x: tf.Tensor2D, bias: tf.Tensor1D): tf.Tensor2D {
  if (x.shape[1] !== bias.shape[0]) {
    throw new RangeError(`addBias: a bias [${bias.shape}] does not fit x [${x.shape}]`);
  }
  return dispatch('AddBias', { x, bias }, {}, () => tf.add(x, bias));
}
