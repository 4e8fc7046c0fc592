/** What all kernels need: the card that is open, and a short way to make a kernel and its gradient known to TensorFlow.js. */

import type { tf } from '../../../../core/index.js';
import { kernelsOf } from '../../kit/kernels.js';
import type { CudaBackend, DeviceArray, FloatType, Output } from '../backend.js';
import { F32 } from '../backend.js';
import type { Argument } from '../driver.js';
import type { CardWeights } from '../weights.js';
import type { LargeProducts } from './large-products.js';

export { tensorOf } from '../../kit/kernels.js';

export const BACKEND = 'cuda';

/** The card that is open: there is one a process. */
export interface Cuda {
  readonly backend: CudaBackend;
  readonly weights: CardWeights;
  /** What lies between products: bf16 where the model's products are computed so, else fp32. */
  between: FloatType;
  /** What takes the large products, where it is used. */
  largeProducts: LargeProducts | undefined;
}

export const { kernel, fasterKernel, gradient } = kernelsOf(BACKEND);

/** An array of either type as a kernel takes it: pointer and type. */
export function typed({ pointer, type }: DeviceArray): [Argument, Argument] {
  return [pointer, type];
}

/** Several arrays, each as `typed`. */
export function allTyped(...arrays: DeviceArray[]): Argument[] {
  return arrays.flatMap(typed);
}

/** Parts of a sum over many rows, so that a card has enough to do where there are few columns. */
const MOST_PARTS = 64;
const ROWS_OF_A_PART = 32;

/**
 * Sums over rows, column by column, in a fixed order: `sum` writes `[parts, columns]`, of which the columns are summed again.
 *
 * @param rows how many rows are summed
 * @returns `[columns]` in fp32
 */
export function sumOverRows(
  { backend }: Cuda,
  rows: number,
  columns: number,
  sum: (grid: readonly number[], threads: number, partial: number) => void,
): Output {
  const parts = Math.max(1, Math.min(MOST_PARTS, Math.ceil(rows / ROWS_OF_A_PART)));
  const threads = 128;
  const wide = Math.ceil(columns / threads);
  const y = backend.output([columns], F32);
  backend.withWorkspace(parts * columns * 4, (partial) => {
    sum([wide, parts], threads, partial);
    const columnSums = backend.driver.kernel('columnSums');
    columnSums.launch([wide], threads, partial, F32, parts, columns, y.array.pointer);
  });
  return y;
}

/** The number of elements. */
export function sizeOf({ shape }: tf.TensorInfo): number {
  return shape.reduce((size, extent) => size * extent, 1);
}
