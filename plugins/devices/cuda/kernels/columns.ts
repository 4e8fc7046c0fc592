import { type Cuda, gradient, kernel, sumOverRows, tensorOf, typed } from './kit.js';

/** Blocks of columns, and a vector for every row. */
export function registerColumns(cuda: Cuda): void {
  const { backend } = cuda;
  const { driver } = backend;

  kernel('SplitColumns', ({ x }, { widths }) => {
    const [rows, columns] = x.shape;
    const array = backend.arrayOf(x);
    const copyColumns = driver.kernel('copyColumns');
    let at = 0;
    return widths.map((width) => {
      const y = backend.output([rows, width], array.type);
      copyColumns.overElements(
        rows * width,
        ...typed(array),
        columns,
        at,
        ...typed(y.array),
        width,
        0,
        rows,
        width,
      );
      at += width;
      return y.info;
    });
  });
  gradient('SplitColumns', {}, (dys, _, { widths }) => ({
    x: () => {
      const columns = widths.reduce((sum, width) => sum + width, 0);
      const [rows] = dys[0].shape;
      const dx = backend.output([rows, columns], cuda.between);
      const copyColumns = driver.kernel('copyColumns');
      let at = 0;
      for (const [i, width] of widths.entries()) {
        const dy = typed(backend.arrayOf(dys[i]));
        copyColumns.overElements(rows * width, ...dy, width, 0, ...typed(dx.array), columns, at, rows, width);
        at += width;
      }
      return tensorOf(dx.info);
    },
  }));

  kernel('AddBias', ({ x, bias }) => {
    const [rows, columns] = x.shape;
    const array = backend.arrayOf(x);
    const y = backend.output(x.shape, array.type);
    const { pointer } = backend.float32Of(bias);
    driver
      .kernel('addRow')
      .overElements(rows * columns, ...typed(array), pointer, ...typed(y.array), rows, columns);
    return y.info;
  });
  gradient('AddBias', {}, ([dy]) => ({
    x: () => dy.clone(),
    bias: () => {
      const [rows, columns] = dy.shape as [number, number];
      const array = typed(backend.arrayOf(dy));
      const columnSums = driver.kernel('columnSums');
      const sums = sumOverRows(cuda, rows, columns, (grid, threads, partial) =>
        columnSums.launch(grid, threads, ...array, rows, columns, partial),
      );
      return tensorOf(sums.info);
    },
  }));
}
