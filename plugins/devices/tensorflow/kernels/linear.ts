/** Linear layers on frozen weights, with and without a low-rank branch. */

import type { FrozenWeight, KernelAttrs, tf } from '../../../../core/index.js';
import { F32, type Handle } from '../binding.js';
import { type Dropout, withDropout } from './dropout.js';
import { gradient, kernel, type Tensorflow } from './kit.js';

type LoraAttrs = KernelAttrs<'LoraLinear'>;

export function registerLinear(tensorflow: Tensorflow): void {
  const { ops, weights } = tensorflow;
  const drop: Dropout = withDropout(ops);

  /** `x Wᵀ + bias` */
  const forward = (x: Handle, weight: FrozenWeight, bias: tf.TensorInfo | null): Handle => {
    const placed = weights.of(weight);
    const type = weights.arithmetic(weight);
    const product = ops.matMul(ops.cast(x, type), placed.matrix(type), false, true);
    const y = ops.cast(product, F32);
    const scaled = placed.scales ? ops.mul(y, placed.scales) : y;
    return bias ? ops.add(scaled, ops.of(bias)) : scaled;
  };

  /** `dy W` */
  const backward = (dy: Handle, weight: FrozenWeight): Handle => {
    const placed = weights.of(weight);
    const type = weights.arithmetic(weight);
    const scaled = placed.scales ? ops.mul(dy, placed.scales) : dy;
    return ops.cast(ops.matMul(ops.cast(scaled, type), placed.matrix(type)), F32);
  };

  kernel('FrozenLinear', ({ x }, { weight, bias }) => ops.tensor(() => forward(ops.of(x), weight, bias)));
  gradient('FrozenLinear', {}, ([dy], _, { weight }) => ({
    x: () => ops.tensor(() => backward(ops.of(dy), weight)),
  }));

  /** `dropout(x) Aᵀ`, `[tokens, r]` */
  const down = (x: Handle, a: Handle, { dropout, seed }: LoraAttrs) =>
    ops.matMul(drop(x, dropout, seed), a, false, true);
  /** `scaling · dy B`, `[tokens, r]` */
  const up = (dy: Handle, b: Handle, { scaling }: LoraAttrs) =>
    ops.mul(ops.matMul(dy, b), ops.constant(scaling));

  kernel('LoraLinear', (inputs, attrs) =>
    ops.tensor(() => {
      const [x, a, b] = [inputs.x, inputs.a, inputs.b].map((info) => ops.of(info));
      const branch = ops.mul(down(x, a, attrs), ops.constant(attrs.scaling));
      return ops.add(forward(x, attrs.weight, attrs.bias), ops.matMul(branch, b, false, true));
    }),
  );
  gradient('LoraLinear', { inputs: ['x', 'a', 'b'] }, (dys, saved, attrs) => {
    const arrays = () => [dys[0], ...saved].map((info) => ops.of(info));
    return {
      x: () =>
        ops.tensor(() => {
          const [dy, , a, b] = arrays();
          const ofBranch = ops.matMul(up(dy, b, attrs), a);
          return ops.add(backward(dy, attrs.weight), drop(ofBranch, attrs.dropout, attrs.seed));
        }),
      a: () =>
        ops.tensor(() => {
          const [dy, x, , b] = arrays();
          return ops.matMul(up(dy, b, attrs), drop(x, attrs.dropout, attrs.seed), true, false);
        }),
      b: () =>
        ops.tensor(() => {
          const [dy, x, a] = arrays();
          const branch = ops.mul(down(x, a, attrs), ops.constant(attrs.scaling));
          return ops.matMul(dy, branch, true, false);
        }),
    };
  });

  kernel('Embedding', (_, { ids, weight }) =>
    ops.tensor(() => {
      const indices = ops.integers(ids);
      return weights.of(weight).rows((array) => ops.gather(array, indices));
    }),
  );
}
