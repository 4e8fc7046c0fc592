import * as tf from '@tensorflow/tfjs';
import type { FrozenWeight } from '../frozen-weight.js';

/**
 * The rows of a frozen embedding. Only the rows asked for are decoded; there is no gradient.
 *
 * @param ids `[tokens]`
 * @param weight `[vocabulary, hidden]`
 * @returns `[tokens, hidden]`
 * @throws RangeError where an id is outside the vocabulary
 */
export function embedding(ids: Int32Array, weight: FrozenWeight): tf.Tensor2D {
  const [vocabulary, hidden] = weight.shape;
  const values = new Float32Array(ids.length * hidden);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (id < 0 || id >= vocabulary) {
      throw new RangeError(`embedding: token id ${id} is outside the vocabulary of ${vocabulary}`);
    }
    weight.decode(id, id + 1, values.subarray(i * hidden, (i + 1) * hidden));
  }
  return tf.tensor2d(values, [ids.length, hidden]);
}
