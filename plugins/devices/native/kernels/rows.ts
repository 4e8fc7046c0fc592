import { gradient, kernel, type Native, tensorOf } from './kit.js';

/** Rows by index: of a frozen embedding, and of a tensor. */
export function registerRows({ backend, weights }: Native): void {
  kernel('Embedding', (_, { ids, weight }) => {
    const y = backend.output([ids.length, weight.shape[1]]);
    backend.addon.embedding(ids, ids.length, weights.of(weight), y.values);
    return y.info;
  });

  kernel('SelectRows', ({ x }, { indices }) => {
    const columns = x.shape[1];
    const y = backend.output([indices.length, columns]);
    const from = backend.floats(x);
    for (let i = 0; i < indices.length; i++) {
      const at = indices[i] * columns;
      y.values.set(from.subarray(at, at + columns), i * columns);
    }
    return y.info;
  });
  gradient('SelectRows', { inputs: ['x'] }, ([dy], [x], { indices }) => ({
    x: () => {
      const [, columns] = x.shape;
      const dx = backend.output(x.shape);
      dx.values.fill(0);
      const from = backend.floats(dy);
      for (let i = 0; i < indices.length; i++) {
        const at = indices[i] * columns;
        for (let j = 0; j < columns; j++) dx.values[at + j] += from[i * columns + j];
      }
      return tensorOf(dx.info);
    },
  }));
}
