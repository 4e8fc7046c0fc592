/**
 * Large products by cublasLt (../cublaslt.ts), where own kernels fall behind. Their numbers are those of own kernels but for the
 * order of additions, which is the same each time.
 */

import { EvolveError, messageOf } from '../../../../core/index.js';
import type { Pointer, ProductDescription } from '../addon.js';
import { BF16, type CudaBackend, type DeviceArray, F32 } from '../backend.js';

export interface Operand {
  readonly array: Pick<DeviceArray, 'pointer' | 'type'>;
  /** A: stored as `[k, m]` and not `[m, k]`. B: stored as `[k, n]` and not `[n, k]`. */
  readonly isTransposed?: boolean;
}

/** `c [m, n] = factor · a [m, k] b [k, n] + bias [n]`; the bias is in fp32. */
export interface Product {
  readonly a: Operand;
  readonly b: Operand;
  readonly c: Pick<DeviceArray, 'pointer' | 'type'>;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly factor: number;
  readonly bias: Pointer | null;
}

interface Algorithm {
  readonly bytes: Uint8Array;
  readonly workspaceBytes: number;
}

/** What NVIDIA advises for Hopper. */
const MOST_WORKSPACE_BYTES = 32 * 2 ** 20;
/** Tensor cores read rows that are multiples of so many bytes. */
const ROW_BYTES = 16;
/** Rows are of every length, so that a run has ever new shapes. Beyond so many, all are forgotten. */
const MOST_ALGORITHMS = 4096;

export class LargeProducts {
  /**
   * What is large: an extent below a tile of own kernels leaves either of them waiting for memory, and fewer multiplications than
   * these take a few microseconds. Not measured yet; `npm run test:gpu` times products on either side.
   */
  static least = { extent: 128, multiplications: 2 ** 30 };
  readonly #algorithms = new Map<string, Algorithm | undefined>();
  #isOff = false;
  #hasToldOfNone = false;

  constructor(
    private readonly backend: CudaBackend,
    private readonly tell: (line: string) => void,
  ) {}

  /** Whether a product is one of those that it takes. */
  takes({ a, m, n, k }: Product): boolean {
    const { extent, multiplications } = LargeProducts.least;
    if (this.#isOff || Math.min(m, n, k) < extent || m * n * k < multiplications) return false;
    return [n, k, ...(a.isTransposed ? [m] : [])].every((width) => (width * 2) % ROW_BYTES === 0);
  }

  /** Computes a product in bf16. @returns whether it did; where it fails it says so once, and computes no more */
  multiply(product: Product): boolean {
    try {
      const isDone = this.compute(product);
      if (!isDone) this.#tellOfNone(product);
      return isDone;
    } catch (error) {
      if (error instanceof EvolveError && error.code !== 'OUT_OF_MEMORY') throw error;
      this.#isOff = true;
      this.tell(`${messageOf(error)}: cublasLt is not used any more, own kernels compute all products`);
      return false;
    }
  }

  /** The same for a product of any size. @returns false where it has no algorithm for it */
  compute({ a, b, c, m, n, k, factor, bias }: Product): boolean {
    return this.#inBf16(a.array, m * k, (left) =>
      this.#inBf16(b.array, n * k, (right) =>
        this.#inTypeOf(c, bias, n, (offsets) => {
          const description: ProductDescription = [
            m,
            n,
            k,
            Number(a.isTransposed ?? false),
            Number(b.isTransposed ?? false),
            Number(c.type === F32),
            offsets,
          ];
          const algorithm = this.#algorithmFor(description, alignmentOf(left, right, c.pointer));
          if (!algorithm) return false;
          const { bytes, workspaceBytes } = algorithm;
          this.backend.withWorkspace(workspaceBytes, (workspace) =>
            this.backend.driver.addon.multiply(
              bytes,
              left,
              right,
              c.pointer,
              factor,
              workspace,
              workspaceBytes,
              ...description,
            ),
          );
          return true;
        }),
      ),
    );
  }

  /** Asked for once for each shape. */
  #algorithmFor(description: ProductDescription, alignment: number): Algorithm | undefined {
    const [m, n, k, isATransposed, isBTransposed, isCInFp32, bias] = description;
    const key = `${m},${n},${k},${isATransposed},${isBTransposed},${isCInFp32},${bias !== null},${alignment}`;
    if (this.#algorithms.has(key)) return this.#algorithms.get(key);
    if (this.#algorithms.size === MOST_ALGORITHMS) this.#algorithms.clear();
    const bytes = new Uint8Array(64);
    const { addon } = this.backend.driver;
    const workspaceBytes = addon.findAlgorithm(bytes, MOST_WORKSPACE_BYTES, alignment, ...description);
    const algorithm = workspaceBytes < 0 ? undefined : { bytes, workspaceBytes };
    this.#algorithms.set(key, algorithm);
    return algorithm;
  }

  /** Of the first such product alone. */
  #tellOfNone({ m, n, k }: Product): void {
    if (this.#hasToldOfNone) return;
    this.#hasToldOfNone = true;
    this.tell(`cublasLt has no algorithm for a product [${m}, ${k}] × [${k}, ${n}]; own kernels compute it`);
  }

  #inBf16<T>({ pointer, type }: Operand['array'], size: number, use: (pointer: Pointer) => T): T {
    if (type === BF16) return use(pointer);
    return this.backend.withWorkspace(size * 2, (converted) => {
      this.backend.driver.kernel('convert').overElements(size, pointer, type, converted, BF16, size);
      return use(converted);
    });
  }

  /** The bias is added in the type of C. */
  #inTypeOf<T>(c: Product['c'], bias: Pointer | null, n: number, use: (bias: Pointer | null) => T): T {
    return bias === null || c.type === F32 ? use(bias) : this.#inBf16({ pointer: bias, type: F32 }, n, use);
  }
}

/** What all are multiples of, at most 256. */
function alignmentOf(...pointers: Pointer[]): number {
  let alignment = 256;
  while (pointers.some((pointer) => pointer % alignment !== 0)) alignment /= 2;
  return alignment;
}
