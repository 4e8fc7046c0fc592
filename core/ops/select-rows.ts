import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';

declare module './kernels.js' {
  interface Kernels {
    SelectRows: { inputs: { x: tf.Tensor2D }; attrs: { indices: Int32Array } };
  }
}

/**
 * Rows of a matrix by index. The gradient sums what goes back to each row, so this is a trainable embedding too.
 * (tfjs's own gradient of gather needs a kernel that the wasm backend lacks.) Kernel: `SelectRows`.
 *
 * @param x `[rows, columns]`
 * @returns `[indices, columns]`
 * @throws RangeError if there is no such row
 */
export function selectRows(x: tf.Tensor2D, indices: Int32Array): tf.Tensor2D {
  const [rows, columns] = x.shape;
  const outside = indices.find((index) => index < 0 || index >= rows);
  if (outside !== undefined)
    throw new RangeError(`selectRows: the row ${outside} is not in a matrix of ${rows}`);
  return dispatch('SelectRows', { x }, { indices }, () => {
    const at = () => tf.tensor1d(indices, 'int32');
    return tf.customGrad((input) => ({
      value: tf.gather(input as tf.Tensor2D, at()),
      gradFunc: (dy: tf.Tensor) => tf.scatterND(tf.expandDims(at(), 1), dy, [rows, columns]),
    }))(x) as tf.Tensor2D;
  });
}
