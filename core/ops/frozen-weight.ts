/**
 * Frozen weights: matrices that take no gradient. They are not tensors but bytes in their storage type. Ops take them as they
 * are, and decode to fp32 only what they need, while they use it.
 *
 *     const weight = new DenseWeight([out, in], 'bf16', bytes);
 *     weight.decode(0, out, target);      // rows 0 … out-1 as fp32
 */

import { DENSE_TYPES, type DenseType, decodeFloats } from '../base/floats.js';

/** The arithmetic of a product. */
export type ComputeType = 'int8' | 'bf16' | 'fp32';

/** A frozen matrix `[rows, columns]`, row-major; for a linear layer `[out, in]`. */
export interface FrozenWeight {
  readonly shape: readonly [rows: number, columns: number];
  /** How the numbers are stored: f32, bf16, f16, int8, nf4, …. The kernels of a device look at it. */
  readonly storage: string;
  /**
   * The arithmetic of products with this weight, on a device with such kernels. Undefined leaves the choice to the device.
   * The composed form always computes in fp32.
   */
  readonly compute?: ComputeType | undefined;
  /** How many bytes the weight takes in memory, scales included. */
  readonly byteLength: number;
  /** Writes rows `start` … `end` − 1 as fp32 to the front of `target`. */
  decode(start: number, end: number, target: Float32Array): void;
}

/** A weight in a plain floating-point type. */
export class DenseWeight implements FrozenWeight {
  readonly byteLength: number;
  #bytes: Uint8Array | (() => Uint8Array);

  /**
   * @param bytes the numbers, or a function that makes them when they are asked for
   * @throws RangeError if the number of bytes does not fit the shape; with a function, when they are asked for
   */
  constructor(
    readonly shape: readonly [number, number],
    readonly storage: DenseType,
    bytes: Uint8Array | (() => Uint8Array),
    readonly compute?: ComputeType,
  ) {
    this.byteLength = shape[0] * shape[1] * DENSE_TYPES[storage];
    this.#bytes = typeof bytes === 'function' ? bytes : this.#checked(bytes);
  }

  /** The numbers, little-endian. */
  get bytes(): Uint8Array {
    if (typeof this.#bytes === 'function') this.#bytes = this.#checked(this.#bytes());
    return this.#bytes;
  }

  #checked(bytes: Uint8Array): Uint8Array {
    if (bytes.byteLength === this.byteLength) return bytes;
    const what = `a ${this.storage} weight [${this.shape}] has ${this.byteLength} bytes`;
    throw new RangeError(`${what}, but got ${bytes.byteLength}`);
  }

  decode(start: number, end: number, target: Float32Array): void {
    const columns = this.shape[1];
    const size = DENSE_TYPES[this.storage];
    decodeFloats(this.storage, this.bytes.subarray(start * columns * size, end * columns * size), target);
  }
}

/** All of `weight` in fp32. */
export function toFloat32(weight: FrozenWeight): Float32Array {
  const values = new Float32Array(weight.shape[0] * weight.shape[1]);
  weight.decode(0, weight.shape[0], values);
  return values;
}
