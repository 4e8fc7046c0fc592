import { type Cuda, gradient, kernel, sumOverRows, tensorOf, typed } from './kit.js';

/** The gradients by the input stay in fp32: they go to the residual stream. */
export function registerNorms(cuda: Cuda): void {
  const { backend } = cuda;
  const { driver } = backend;

  kernel('RmsNorm', ({ x, weight }, { epsilon }) => {
    const [rows, columns] = x.shape;
    const y = backend.output(x.shape, cuda.between);
    const { pointer } = backend.float32Of(weight);
    const array = typed(backend.arrayOf(x));
    driver.kernel('rmsNorm').overRows(rows, columns, ...array, pointer, epsilon, ...typed(y.array), columns);
    return y.info;
  });
  gradient('RmsNorm', { inputs: ['x', 'weight'] }, ([dy], [x, weight], { epsilon }) => {
    const [rows, columns] = x.shape;
    const [input, output] = [x, dy].map((info) => typed(backend.arrayOf(info)));
    const [dx, scales] = [backend.output(x.shape), backend.output([rows])];
    const rmsNormGradient = driver.kernel('rmsNormGradient');
    const { pointer } = backend.float32Of(weight);
    const results = [dx.array.pointer, scales.array.pointer];
    rmsNormGradient.overRows(rows, columns, ...input, pointer, ...output, epsilon, ...results, columns);
    const [byX] = [dx, scales].map(({ info }) => tensorOf(info));
    return {
      x: () => byX,
      // Asked for where the norm's weight is trained.
      weight: () => {
        const dweight = sumOverRows(cuda, rows, columns, (grid, threads, partial) => {
          const normWeightGradient = driver.kernel('normWeightGradient');
          const given = [...input, ...output, null, scales.array.pointer];
          normWeightGradient.launch(grid, threads, ...given, partial, null, rows, columns);
        });
        return tensorOf(dweight.info);
      },
    };
  });

  kernel('LayerNorm', ({ x, weight, bias }, { epsilon }) => {
    const [rows, columns] = x.shape;
    const y = backend.output(x.shape, cuda.between);
    const [w, b] = [weight, bias].map((info) => backend.float32Of(info).pointer);
    const array = typed(backend.arrayOf(x));
    driver.kernel('layerNorm').overRows(rows, columns, ...array, w, b, epsilon, ...typed(y.array), columns);
    return y.info;
  });
  gradient('LayerNorm', { inputs: ['x', 'weight'] }, ([dy], [x, weight], { epsilon }) => {
    const [rows, columns] = x.shape;
    const [input, output] = [x, dy].map((info) => typed(backend.arrayOf(info)));
    const dx = backend.output(x.shape);
    const [dweight, dbias] = backend.withWorkspace(rows * 8, (means) => {
      const scales = means + rows * 4;
      const layerNormGradient = driver.kernel('layerNormGradient');
      const { pointer } = backend.float32Of(weight);
      const results = [dx.array.pointer, means, scales];
      layerNormGradient.overRows(rows, columns, ...input, pointer, ...output, epsilon, ...results, columns);
      const normWeightGradient = driver.kernel('normWeightGradient');
      const columnSums = driver.kernel('columnSums');
      return [
        sumOverRows(cuda, rows, columns, (grid, threads, partial) =>
          normWeightGradient.launch(
            grid,
            threads,
            ...input,
            ...output,
            means,
            scales,
            partial,
            null,
            rows,
            columns,
          ),
        ),
        sumOverRows(cuda, rows, columns, (grid, threads, partial) =>
          columnSums.launch(grid, threads, ...output, rows, columns, partial),
        ),
      ];
    });
    const [byX, byWeight, byBias] = [dx, dweight, dbias].map(({ info }) => tensorOf(info));
    return { x: () => byX, weight: () => byWeight, bias: () => byBias };
  });
}
