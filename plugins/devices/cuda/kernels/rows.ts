import { type Cuda, gradient, kernel, tensorOf, typed } from './kit.js';

/** Rows by index: of a frozen embedding, and of a tensor. */
export function registerRows({ backend, weights }: Cuda): void {
  const { driver } = backend;

  kernel('Embedding', (_, { ids, weight }) => {
    const columns = weight.shape[1];
    // The residual stream begins here: it is fp32.
    const y = backend.output([ids.length, columns]);
    const { args } = weights.of(weight);
    backend.withArray(ids, (pointer) =>
      driver.kernel('embedding').overRows(ids.length, columns, ...args, pointer, ...typed(y.array)),
    );
    return y.info;
  });

  kernel('SelectRows', ({ x }, { indices }) => {
    const columns = x.shape[1];
    const array = backend.arrayOf(x);
    const y = backend.output([indices.length, columns], array.type);
    const size = indices.length * columns;
    backend.withArray(indices, (pointer) => {
      const selectRows = driver.kernel('selectRows');
      selectRows.overElements(size, ...typed(array), pointer, ...typed(y.array), indices.length, columns);
    });
    return y.info;
  });
  gradient('SelectRows', { inputs: ['x'] }, ([dy], [x], { indices }) => ({
    x: () => {
      const [rows, columns] = x.shape;
      const dx = backend.output(x.shape);
      const { order, starts } = byRow(indices, rows);
      const array = typed(backend.arrayOf(dy));
      const sumRowsByIndex = driver.kernel('sumRowsByIndex');
      backend.withArray(order, (places) =>
        backend.withArray(starts, (begins) =>
          sumRowsByIndex.overElements(x.size, ...array, places, begins, dx.array.pointer, rows, columns),
        ),
      );
      return tensorOf(dx.info);
    },
  }));
}

/** The places of `indices` by their row: those of row r are order[starts[r]] … order[starts[r + 1] − 1], in their order. */
function byRow(indices: Int32Array, rows: number): { order: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(rows + 1);
  for (const row of indices) starts[row + 1]++;
  for (let row = 0; row < rows; row++) starts[row + 1] += starts[row];
  const next = starts.slice();
  const order = new Int32Array(indices.length);
  for (const [place, row] of indices.entries()) order[next[row]++] = place;
  return { order, starts };
}
