import * as tf from '@tensorflow/tfjs';

/**
 * Rows of a matrix by index. The gradient scatters back; indices must not repeat. (tfjs's own gradient of gather
 * needs a kernel that the wasm backend lacks.)
 *
 * @param x `[rows, columns]`
 * @returns `[indices, columns]`
 */
export function selectRows(x: tf.Tensor2D, indices: Int32Array): tf.Tensor2D {
  const at = () => tf.tensor1d(indices, 'int32');
  return tf.customGrad((input) => ({
    value: tf.gather(input as tf.Tensor2D, at()),
    gradFunc: (dy: tf.Tensor) => tf.scatterND(tf.expandDims(at(), 1), dy, x.shape),
  }))(x) as tf.Tensor2D;
}
