import type { tf } from '../../../../core/index.js';
import { gradient, kernel, type Native, tensorOf } from './kit.js';

/** The gradients of weight and bias are computed with that of the input: they take the same reading. */
export function registerNorms({ backend }: Native): void {
  const { addon } = backend;
  const floats = (x: tf.TensorInfo) => backend.floats(x);

  kernel('RmsNorm', ({ x, weight }, { epsilon }) => {
    const y = backend.output(x.shape);
    addon.rmsNorm(floats(x), floats(weight), x.shape[0], x.shape[1], epsilon, y.values);
    return y.info;
  });
  gradient('RmsNorm', { inputs: ['x', 'weight'] }, ([dy], [x, weight], { epsilon }) => {
    const [rows, columns] = x.shape;
    const outputs = [x, weight].map(({ shape }) => backend.output(shape));
    const [dx, dweight] = outputs.map(({ values }) => values);
    addon.rmsNormGradient(floats(x), floats(weight), floats(dy), rows, columns, epsilon, dx, dweight);
    const [byX, byWeight] = outputs.map(({ info }) => tensorOf(info));
    return { x: () => byX, weight: () => byWeight };
  });

  kernel('LayerNorm', ({ x, weight, bias }, { epsilon }) => {
    const y = backend.output(x.shape);
    addon.layerNorm(floats(x), floats(weight), floats(bias), x.shape[0], x.shape[1], epsilon, y.values);
    return y.info;
  });
  gradient('LayerNorm', { inputs: ['x', 'weight'] }, ([dy], [x, weight], { epsilon }) => {
    const [rows, columns] = x.shape;
    const outputs = [x, weight, weight].map(({ shape }) => backend.output(shape));
    const [dx, dweight, dbias] = outputs.map(({ values }) => values);
    addon.layerNormGradient(
      floats(x),
      floats(weight),
      floats(dy),
      rows,
      columns,
      epsilon,
      dx,
      dweight,
      dbias,
    );
    const [byX, byWeight, byBias] = outputs.map(({ info }) => tensorOf(info));
    return { x: () => byX, weight: () => byWeight, bias: () => byBias };
  });
}
