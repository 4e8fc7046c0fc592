/** A weight as the checkpoint keeps it. Models have all linear weights as `[out, in]`. */

import type { TensorToWrite } from '../contracts/checkpoint.js';
import type { LinearLayout } from '../contracts/linear-site.js';

/** The weight `[out, in]` of a linear layer, in the order of `layout`. */
export function inCheckpoint(tensor: TensorToWrite, layout: LinearLayout): TensorToWrite {
  if (layout === 'out-in') return tensor;
  const { shape, values } = tensor;
  const [out, columns] = shape;
  const transposed = function* () {
    const whole = new Float32Array(out * columns);
    let at = 0;
    for (const piece of values instanceof Float32Array ? [values] : values())
      for (const value of piece) {
        whole[(at % columns) * out + Math.floor(at / columns)] = value;
        at++;
      }
    yield whole;
  };
  return { ...tensor, shape: [columns, out], values: transposed };
}
