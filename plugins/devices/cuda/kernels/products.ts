/** How a product of two matrices is computed: which kernel, in which parts. src/kernels/products.hpp has the kernels. */

import type { Pointer } from '../addon.js';
import { BF16, type CudaBackend, type DeviceArray, F32, type FloatType } from '../backend.js';
import { MOST_ROWS_OF_BLOCKS } from '../driver.js';
import type { CardWeight } from '../weights.js';
import { type Cuda, typed } from './kit.js';
import type { Operand } from './large-products.js';

export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** So many products, whose matrices lie behind each other. */
  readonly batch?: number;
}

export interface ProductOptions {
  /** The arithmetic. */
  readonly compute: FloatType;
  readonly factor?: number;
  /** `[n]` in fp32 */
  readonly bias?: Pointer | null;
  /** Whether the product is added to what the result holds. */
  readonly adding?: boolean;
}

/** Rows and columns of the result that a block computes. */
const TILES: Readonly<Record<FloatType, number>> = { [F32]: 64, [BF16]: 128 };
/** A sum of so many terms is worth a part of its own. */
const TERMS_OF_A_PART = 512;
const MOST_PARTS = 32;

/** `c [m, n] = factor · a [m, k] b [k, n] + bias`. */
export function multiply(
  { backend, largeProducts }: Pick<Cuda, 'backend'> & Partial<Cuda>,
  a: Operand,
  b: Operand,
  c: Pick<DeviceArray, 'pointer' | 'type'>,
  { m, n, k, batch = 1 }: ProductShape,
  { compute, factor = 1, bias = null, adding = false }: ProductOptions,
): void {
  if (m * n * batch === 0) return;
  if (largeProducts && compute === BF16 && batch === 1 && !adding) {
    const product = { a, b, c, m, n, k, factor, bias };
    if (largeProducts.takes(product) && largeProducts.multiply(product)) return;
  }
  const { driver } = backend;
  const product = driver.kernel(nameOf(compute, a, b));
  const grid = [n, m].map((extent) => Math.ceil(extent / TILES[compute]));
  if (grid[1] > MOST_ROWS_OF_BLOCKS || batch > MOST_ROWS_OF_BLOCKS) {
    throw new RangeError(`a product [${m}, ${k}] × [${k}, ${n}] is too large for one launch`);
  }
  const launch = (target: readonly number[], z: number, isAdding: boolean, splits: number) =>
    product.launch(
      [...grid, z],
      256,
      ...typed(a.array as DeviceArray),
      Number(a.isTransposed ?? false),
      ...typed(b.array as DeviceArray),
      Number(b.isTransposed ?? false),
      m,
      n,
      k,
      factor,
      bias,
      ...target,
      Number(isAdding),
      splits,
    );
  const parts = batch === 1 && !bias && c.type === F32 ? partsOf(driver.multiprocessors, grid, k) : 1;
  if (parts === 1) {
    launch([c.pointer, c.type], batch, adding, 1);
    return;
  }
  backend.withWorkspace(parts * m * n * 4, (partial) => {
    launch([partial, F32], parts, false, parts);
    driver.kernel('sumOfSplits').overElements(m * n, partial, parts, c.pointer, Number(adding), m * n);
  });
}

/** In bf16 there is a kernel for each way in which the operands are stored. */
function nameOf(compute: FloatType, a: Operand, b: Operand): string {
  if (compute === F32) return 'productF32';
  return `productBf16${a.isTransposed ? 'A' : ''}${b.isTransposed ? 'B' : ''}`;
}

/** In how many parts k is summed, so that every multiprocessor has a block. */
function partsOf(multiprocessors: number, grid: readonly number[], k: number): number {
  const blocks = grid[0] * grid[1];
  const wanted = Math.ceil(multiprocessors / blocks);
  return Math.max(1, Math.min(wanted, Math.floor(k / TERMS_OF_A_PART), MOST_PARTS));
}

/** Rows of the weight that a block of each kernel has, threads of a block, and the most rows of x. */
const FEW_ROWS = {
  fewRows: { high: 4, threads: 128, most: 8 },
  fewRowsBf16: { high: 16, threads: 256, most: 8 },
  moreRowsBf16: { high: 32, threads: 256, most: 32 },
};
/** The columns of a weight that the kernels in bf16 read are a multiple of this. */
const COLUMNS_IN_BF16 = 64;
/** What they read. */
const TENSOR_STORAGES: ReadonlySet<string> = new Set(['bf16', 'int8', 'nf4']);

/**
 * `y [rows, out] = x [rows, columns] weightᵀ + bias` by a kernel that reads the weight as it is stored, once; for the few rows of
 * decoding.
 *
 * @returns false, and nothing is computed, where no such kernel takes so many rows
 */
export function multiplyFewRows(
  { driver }: CudaBackend,
  { weight, compute }: { weight: CardWeight; compute: FloatType },
  x: DeviceArray,
  rows: number,
  bias: Pointer | null,
  y: DeviceArray,
): boolean {
  const [out, columns] = weight.shape;
  const inBf16 = compute === BF16 && columns % COLUMNS_IN_BF16 === 0 && TENSOR_STORAGES.has(weight.storage);
  const name = !inBf16 ? 'fewRows' : rows <= FEW_ROWS.fewRowsBf16.most ? 'fewRowsBf16' : 'moreRowsBf16';
  const { high, threads, most } = FEW_ROWS[name];
  if (rows > most) return false;
  const kernel = driver.kernel(name);
  kernel.launch([Math.ceil(out / high)], threads, ...weight.args, ...typed(x), rows, bias, ...typed(y));
  return true;
}

/**
 * `use` gets all of a weight in the type that products of `compute` read: as it is stored, or decoded into a workspace. To decode a
 * weight for 2,048 tokens takes a tenth to a sixth of the time of their product (three bytes of memory for each number, against
 * 4,096 operations); decoded within the product it would be decoded by each of 16 rows of blocks, in registers that the product
 * needs, and cublasLt could not take it.
 */
export function withDense<T>(
  backend: CudaBackend,
  weight: CardWeight,
  compute: FloatType,
  use: (array: Pick<DeviceArray, 'pointer' | 'type'>) => T,
): T {
  const [storage, , , data] = weight.args;
  if (storage === compute) return use({ pointer: data as Pointer, type: compute });
  const [rows, columns] = weight.shape;
  const size = rows * columns;
  return backend.withWorkspace(size * (compute === F32 ? 4 : 2), (pointer) => {
    const decodeWeight = backend.driver.kernel('decodeWeight');
    decodeWeight.overElements(size, ...weight.args, 0, rows, pointer, compute);
    return use({ pointer, type: compute });
  });
}
