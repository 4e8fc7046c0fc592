/** `tf.matMul`, batched and transposed as may be. */

import type { tf } from '../../../../core/index.js';
import { F32 } from '../backend.js';
import { type Cuda, fasterKernel } from './kit.js';
import { multiply } from './products.js';

export function registerMatMul(cuda: Cuda): void {
  const { backend } = cuda;
  fasterKernel('BatchMatMul', ({ a, b }, attrs: Partial<tf.BatchMatMulAttrs>) => {
    const { transposeA = false, transposeB = false } = attrs;
    const batch = a.shape.slice(0, -2);
    // Batches that broadcast are the plain kernel's.
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
    if (batch.join() !== b.shape.slice(0, -2).join() || a.shape.includes(0) || b.shape.includes(0))
      return undefined;
    const [m, k] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
    const n = b.shape[b.shape.length - (transposeB ? 2 : 1)];
    const y = backend.output([...batch, m, n]);
    const left = { array: backend.arrayOf(a), isTransposed: transposeA };
    const right = { array: backend.arrayOf(b), isTransposed: !transposeB };
    const count = batch.reduce((product, extent) => product * extent, 1);
    multiply(cuda, left, right, y.array, { m, n, k, batch: count }, { compute: F32 });
    return y.info;
  });
}
