import { tf } from '../base/tf.js';
import { dispatch } from './dispatch.js';
import type { FrozenWeight } from './frozen-weight.js';

declare module './kernels.js' {
  interface Kernels {
    Embedding: { attrs: { ids: Int32Array; weight: FrozenWeight } };
  }
}

/**
 * The rows of a frozen embedding. Only the rows asked for are decoded; there is no gradient. Kernel: `Embedding`.
 *
 * @param ids `[tokens]`
 * @param weight `[vocabulary, hidden]`
 * @returns `[tokens, hidden]`
 * @throws RangeError if an id is outside the vocabulary
 */
export function embedding(ids: Int32Array, weight: FrozenWeight): tf.Tensor2D {
  const [vocabulary, hidden] = weight.shape;
  const outside = ids.find((id) => id < 0 || id >= vocabulary);
  if (outside !== undefined) {
    throw new RangeError(`embedding: token id ${outside} is outside the vocabulary of ${vocabulary}`);
  }
  return dispatch('Embedding', {}, { ids, weight }, () => {
    const values = new Float32Array(ids.length * hidden);
    for (const [i, id] of ids.entries()) {
      weight.decode(id, id + 1, values.subarray(i * hidden, (i + 1) * hidden));
    }
    return tf.tensor2d(values, [ids.length, hidden]);
  });
}
