import type { tf } from '../../../../core/index.js';
import { gradient, kernel, type Tensorflow } from './kit.js';

/** Rows by index, blocks of columns, a vector for every row, and rotary embedding. */
export function registerRows({ ops }: Tensorflow): void {
  kernel('SelectRows', ({ x }, { indices }) =>
    ops.tensor(() => ops.gather(ops.of(x), ops.integers(indices))),
  );
  gradient('SelectRows', { inputs: ['x'] }, ([dy], [x], { indices }) => ({
    x: () => ops.tensor(() => ops.sumByIndex(ops.of(dy), ops.integers(indices), x.shape[0])),
  }));

  kernel('SplitColumns', ({ x }, { widths }) => ops.tensors(() => ops.split(ops.of(x), widths, 1)));
  gradient('SplitColumns', {}, (dys) => ({
    x: () =>
      ops.tensor(() =>
        ops.concat(
          dys.map((dy) => ops.of(dy)),
          1,
        ),
      ),
  }));

  kernel('AddBias', ({ x, bias }) => ops.tensor(() => ops.add(ops.of(x), ops.of(bias))));
  gradient('AddBias', {}, ([dy]) => ({
    x: () => dy.clone(),
    bias: () => ops.tensor(() => ops.reduce('Sum', ops.of(dy), [0])),
  }));

  /** Turning back by the same angles is the gradient. The angles take none. */
  const turn = (x: tf.TensorInfo, cos: tf.TensorInfo, sin: tf.TensorInfo, parts: number, isBack: boolean) =>
    ops.tensor(() => {
      const [tokens, heads, headDim] = x.shape;
      const half = headDim / parts / 2;
      const [first, second] = ops.split(
        ops.reshape(ops.of(x), [tokens, heads, parts, 2 * half]),
        [half, half],
        3,
      );
      const [c, s] = [cos, sin].map((info) => ops.reshape(ops.of(info), [tokens, 1, parts, half]));
      const [toFirst, toSecond] = [ops.mul(second, s), ops.mul(first, s)];
      const [a, b] = [ops.mul(first, c), ops.mul(second, c)];
      const turned = isBack
        ? [ops.add(a, toFirst), ops.sub(b, toSecond)]
        : [ops.sub(a, toFirst), ops.add(b, toSecond)];
      return ops.reshape(ops.concat(turned, 3), x.shape);
    });
  kernel('Rotary', ({ x, cos, sin }, { parts }) => turn(x, cos, sin, parts, false));
  gradient('Rotary', { inputs: ['cos', 'sin'] }, ([dy], [cos, sin], { parts }) => ({
    x: () => turn(dy, cos, sin, parts, true),
  }));
}
