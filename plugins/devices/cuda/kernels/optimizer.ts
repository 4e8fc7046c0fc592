import type { tf } from '../../../../core/index.js';
import { adamwFactors } from '../../kit/adamw-factors.js';
import { type Cuda, kernel, sizeOf, typed } from './kit.js';

/** AdamW over all parameters, and the norm of all gradients. */
export function registerOptimizer({ backend }: Cuda): void {
  const { driver } = backend;

  kernel('AdamW', (inputs, options) => {
    const factors = adamwFactors(options);
    const count = Object.keys(inputs).length / 4;
    return Array.from({ length: count }, (_, i): tf.TensorInfo[] => {
      const given = (['p', 'g', 'm', 'v'] as const).map((name) => inputs[`${name}${i}`]);
      const [value, , mean, square] = given;
      const outputs = [value, mean, square].map(({ shape }) => backend.output(shape));
      const from = given.map((info) => backend.float32Of(info).pointer);
      const to = outputs.map(({ array }) => array.pointer);
      driver.kernel('adamw').overElements(sizeOf(value), ...from, ...factors, ...to, sizeOf(value));
      return outputs.map(({ info }) => info);
    }).flat();
  });

  kernel('GlobalNorm', (inputs) => {
    const tensors = Object.values(inputs) as tf.TensorInfo[];
    const y = backend.output([]);
    const blocks = 16;
    backend.withWorkspace(tensors.length * blocks * 8, (sums) => {
      const sumOfSquares = driver.kernel('sumOfSquares');
      for (const [i, x] of tensors.entries()) {
        const target = sums + i * blocks * 8;
        sumOfSquares.launch([blocks], 256, ...typed(backend.arrayOf(x)), target, sizeOf(x));
      }
      driver.kernel('rootOfSum').launch([1], 1, sums, tensors.length * blocks, y.array.pointer);
    });
    return y.info;
  });
}
