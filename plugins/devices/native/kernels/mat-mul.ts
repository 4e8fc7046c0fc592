/** `tf.matMul`, batched and transposed as may be. */

import type { tf } from '../../../../core/index.js';
import { fasterKernel, type Native } from './kit.js';

export function registerMatMul({ backend }: Native): void {
  fasterKernel('BatchMatMul', ({ a, b }, attrs: Partial<tf.BatchMatMulAttrs>) => {
    const { transposeA = false, transposeB = false } = attrs;
    const batch = batchOf(a);
    const sizeOf = (info: tf.TensorInfo) =>
      info.shape.slice(-2).reduce((product, extent) => product * extent, 1);
    // Batches that broadcast are the plain kernel's; so is what has no element.
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
    if (batch.join() !== batchOf(b).join() || sizeOf(a) === 0 || sizeOf(b) === 0) return undefined;
    const [m, k] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
    const n = b.shape[b.shape.length - (transposeB ? 2 : 1)];
    const y = backend.output([...batch, m, n]);
    const [left, right] = [backend.floats(a), backend.floats(b)];
    const count = batch.reduce((product, extent) => product * extent, 1);
    for (let i = 0; i < count; i++) {
      backend.addon.product(
        left,
        i * m * k,
        Number(transposeA),
        right,
        i * k * n,
        Number(transposeB),
        m,
        n,
        k,
        y.values,
        i * m * n,
      );
    }
    return y.info;
  });
}

function batchOf(info: tf.TensorInfo): number[] {
  return info.shape.slice(0, -2);
}
