import type { tf } from '../../../../core/index.js';
import { adamwFactors } from '../../kit/adamw-factors.js';
import { kernel, type Tensorflow } from './kit.js';

/** AdamW over all parameters, and the norm of all gradients. Nothing is read back. */
export function registerOptimizer({ ops }: Tensorflow): void {
  kernel('AdamW', (inputs, options) => {
    return ops.tensors(() => {
      const factors = adamwFactors(options).map((factor) => ops.number(factor));
      const [scale, b1, rest1, b2, rest2, kept, rate, correction, least] = factors;
      const count = Object.keys(inputs).length / 4;
      return Array.from({ length: count }, (_, i) =>
        ops.scope(() => {
          const [p, given, m, v] = (['p', 'g', 'm', 'v'] as const).map((name) =>
            ops.of(inputs[`${name}${i}`]),
          );
          const g = ops.mul(given, scale);
          const mean = ops.add(ops.mul(m, b1), ops.mul(g, rest1));
          const square = ops.add(ops.mul(v, b2), ops.mul(ops.elements('Square', g), rest2));
          const root = ops.elements('RealDiv', ops.elements('Sqrt', square), correction);
          const change = ops.mul(ops.elements('RealDiv', mean, ops.add(root, least)), rate);
          return [ops.sub(ops.mul(p, kept), change), mean, square];
        }),
      ).flat();
    });
  });

  kernel('GlobalNorm', (inputs) =>
    ops.tensor(() => {
      const halves = (Object.values(inputs) as tf.TensorInfo[]).map((x) => ops.elements('L2Loss', ops.of(x)));
      return ops.elements('Sqrt', ops.mul(ops.addAll(halves), ops.constant(2)));
    }),
  );
}
