import type { tf } from '../../../../core/index.js';
import { kernel, type Native } from './kit.js';

/** AdamW over all parameters, and the norm of all gradients. */
export function registerOptimizer({ backend }: Native): void {
  const { addon } = backend;

  kernel('AdamW', (inputs, options) => {
    const { learningRate, beta1, beta2, epsilon, weightDecay, gradientScale, step } = options;
    const count = Object.keys(inputs).length / 4;
    return Array.from({ length: count }, (_, i): tf.TensorInfo[] => {
      const [value, gradient, mean, square] = (['p', 'g', 'm', 'v'] as const).map(
        (name) => inputs[`${name}${i}`],
      );
      const outputs = [value, mean, square].map(({ shape }) => backend.output(shape));
      const [newValue, newMean, newSquare] = outputs.map(({ values }) => values);
      addon.adamw(
        backend.floats(value),
        backend.floats(gradient),
        backend.floats(mean),
        backend.floats(square),
        newValue.length,
        learningRate,
        beta1,
        beta2,
        epsilon,
        weightDecay,
        gradientScale,
        step,
        newValue,
        newMean,
        newSquare,
      );
      return outputs.map(({ info }) => info);
    }).flat();
  });

  kernel('GlobalNorm', (inputs) => {
    const squares = Object.values(inputs).map((x) => {
      const values = backend.floats(x);
      return addon.sumOfSquares(values, values.length);
    });
    const norm = Math.sqrt(squares.reduce((total, square) => total + square, 0));
    return backend.makeTensorInfo([], 'float32', Float32Array.of(norm));
  });
}
