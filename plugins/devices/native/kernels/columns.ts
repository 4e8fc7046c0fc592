import { gradient, kernel, type Native, tensorOf } from './kit.js';

/** Blocks of columns, and a vector for every row. */
export function registerColumns({ backend }: Native): void {
  const { addon } = backend;

  kernel('SplitColumns', ({ x }, { widths }) => {
    const [rows, columns] = x.shape;
    const values = backend.floats(x);
    let at = 0;
    return widths.map((width) => {
      const y = backend.output([rows, width]);
      addon.copyColumns(values, columns, at, rows, width, y.values, width, 0);
      at += width;
      return y.info;
    });
  });
  gradient('SplitColumns', {}, (dys, _, { widths }) => ({
    x: () => {
      const columns = widths.reduce((sum, width) => sum + width, 0);
      const [rows] = dys[0].shape;
      const dx = backend.output([rows, columns]);
      let at = 0;
      for (const [i, width] of widths.entries()) {
        addon.copyColumns(backend.floats(dys[i]), width, 0, rows, width, dx.values, columns, at);
        at += width;
      }
      return tensorOf(dx.info);
    },
  }));

  kernel('AddBias', ({ x, bias }) => {
    const [rows, columns] = x.shape;
    const y = backend.output(x.shape);
    addon.addRow(backend.floats(x), backend.floats(bias), rows, columns, y.values);
    return y.info;
  });
  gradient('AddBias', {}, ([dy]) => ({
    x: () => dy.clone(),
    bias: () => {
      const [rows, columns] = dy.shape as [number, number];
      const dbias = backend.output([columns]);
      addon.columnSums(backend.floats(dy), rows, columns, dbias.values);
      return tensorOf(dbias.info);
    },
  }));
}
