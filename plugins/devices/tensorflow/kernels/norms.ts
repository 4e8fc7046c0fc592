import type { Handle } from '../binding.js';
import { gradient, kernel, type Tensorflow } from './kit.js';

export function registerNorms({ ops }: Tensorflow): void {
  const ofRows = (x: Handle) => ops.reduce('Mean', x, [1], true);
  /** `1 / sqrt(mean(x²) + epsilon)`, `[rows, 1]` */
  const inverse = (x: Handle, epsilon: number) =>
    ops.elements('Rsqrt', ops.add(ofRows(ops.elements('Square', x)), ops.constant(epsilon)));
  const centered = (x: Handle) => ops.sub(x, ofRows(x));

  kernel('RmsNorm', ({ x, weight }, { epsilon }) =>
    ops.tensor(() => {
      const input = ops.of(x);
      return ops.mul(ops.mul(input, inverse(input, epsilon)), ops.of(weight));
    }),
  );
  gradient('RmsNorm', { inputs: ['x', 'weight'] }, ([dy], [x, weight], { epsilon }) => ({
    x: () =>
      ops.tensor(() => {
        const input = ops.of(x);
        const scale = inverse(input, epsilon);
        const d = ops.mul(ops.of(dy), ops.of(weight));
        const normal = ops.mul(input, scale);
        return ops.mul(ops.sub(d, ops.mul(normal, ofRows(ops.mul(d, normal)))), scale);
      }),
    weight: () =>
      ops.tensor(() => {
        const input = ops.of(x);
        return ops.reduce('Sum', ops.mul(ops.of(dy), ops.mul(input, inverse(input, epsilon))), [0]);
      }),
  }));

  kernel('LayerNorm', ({ x, weight, bias }, { epsilon }) =>
    ops.tensor(() => {
      const input = centered(ops.of(x));
      const normal = ops.mul(input, inverse(input, epsilon));
      return ops.add(ops.mul(normal, ops.of(weight)), ops.of(bias));
    }),
  );
  gradient('LayerNorm', { inputs: ['x', 'weight'] }, ([dy], [x, weight], { epsilon }) => ({
    x: () =>
      ops.tensor(() => {
        const input = centered(ops.of(x));
        const scale = inverse(input, epsilon);
        const d = ops.mul(ops.of(dy), ops.of(weight));
        const normal = ops.mul(input, scale);
        return ops.mul(ops.sub(centered(d), ops.mul(normal, ofRows(ops.mul(d, normal)))), scale);
      }),
    weight: () =>
      ops.tensor(() => {
        const input = centered(ops.of(x));
        return ops.reduce('Sum', ops.mul(ops.of(dy), ops.mul(input, inverse(input, epsilon))), [0]);
      }),
    bias: () => ops.tensor(() => ops.reduce('Sum', ops.of(dy), [0])),
  }));
}
