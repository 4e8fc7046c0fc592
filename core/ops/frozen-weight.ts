/**
 * Frozen weights: matrices that take no gradient. They are not tensors but bytes in their storage type, and
 * travel to the ops as they are; what an op needs of them in fp32 it decodes for the moment of its use.
 *
 *     const weight = new DenseWeight([out, in], 'bf16', bytes);
 *     weight.decode(0, out, target);      // rows 0 … out-1 as fp32
 */

/** The arithmetic of a product. */
export type ComputeType = 'int8' | 'bf16' | 'fp32';

/** A frozen matrix `[rows, columns]`, row-major; for a linear layer `[out, in]`. */
export interface FrozenWeight {
  readonly shape: readonly [rows: number, columns: number];
  /** How the numbers are stored: f32, bf16, f16, int8, nf4, … What a device's kernels look at. */
  readonly storage: string;
  /**
   * In which arithmetic a device with such kernels computes products with it; undefined leaves the choice to the
   * device. The composed form always computes in fp32.
   */
  readonly compute?: ComputeType;
  /** The stored bytes, scales included: what the weight costs in memory. */
  readonly byteLength: number;
  /** Writes rows `start` … `end` − 1 as fp32 to the front of `target`. */
  decode(start: number, end: number, target: Float32Array): void;
}

/** The types in which checkpoints hold plain numbers. */
export const DENSE_TYPES = { f32: 4, f16: 2, bf16: 2 } as const;
export type DenseType = keyof typeof DENSE_TYPES;

/** A weight in a plain floating-point type. */
export class DenseWeight implements FrozenWeight {
  readonly byteLength: number;
  #bytes: Uint8Array | (() => Uint8Array);

  /**
   * @param bytes the numbers, or what makes them once they are asked for
   * @throws RangeError where they are not as many bytes as the shape has, of what makes them once they are asked for
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

/**
 * Little-endian numbers of a plain type -> fp32, exactly.
 *
 * @throws RangeError where `target` has no room for them
 */
export function decodeFloats(type: DenseType, bytes: Uint8Array, target: Float32Array): void {
  const size = DENSE_TYPES[type];
  // A typed array must begin at a multiple of its element size, which bytes within a file need not.
  // Not slice(): a Buffer's makes no copy.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const count = bytes.byteLength / size;
  if (count > target.length) throw new RangeError(`${count} numbers do not fit ${target.length}`);
  if (type === 'f32') {
    target.set(new Float32Array(aligned.buffer, aligned.byteOffset, count));
    return;
  }
  const words = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
  const bits = new Uint32Array(target.buffer, target.byteOffset, count);
  if (type === 'bf16') for (let i = 0; i < count; i++) bits[i] = words[i] << 16;
  else for (let i = 0; i < count; i++) bits[i] = HALF_TO_FLOAT[words[i]];
}

/** fp32 -> little-endian numbers of a plain type, rounded to nearest, ties to even; written to `target`. */
export function encodeFloats(
  type: DenseType,
  values: Float32Array,
  target: Uint8Array = new Uint8Array(values.length * DENSE_TYPES[type]),
): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  if (type === 'f32') {
    target.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return target;
  }
  const words = new Uint16Array(target.buffer, target.byteOffset, values.length);
  // Two loops: a call that is one of two functions is not compiled into the loop.
  if (type === 'bf16') for (let i = 0; i < words.length; i++) words[i] = toBfloat16(bits[i]);
  else for (let i = 0; i < words.length; i++) words[i] = toHalf(bits[i]);
  return target;
}

/** The bits of an fp32 -> the bits of a bf16. */
function toBfloat16(bits: number): number {
  const isNan = (bits & 0x7fffffff) >>> 0 > 0x7f800000;
  if (isNan) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The bits of an fp32 -> the bits of an IEEE half. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x38800000 && magnitude < 0x477ff000) return sign | roundShift(magnitude - 0x38000000, 13);
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Subnormal: the significand is shifted right until the exponent is the smallest there is.
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  return sign | roundShift((magnitude & 0x7fffff) | 0x800000, shift);
}

/** `value / 2^shift`, rounded to nearest, ties to even; `value` is below 2^29, `shift` from 1 to 24. */
function roundShift(value: number, shift: number): number {
  const isOdd = (value >>> shift) & 1;
  return (value + (1 << (shift - 1)) - 1 + isOdd) >>> shift;
}

/** The fp32 bits of all 65,536 halves: 256 KiB that make decoding a look-up. */
const HALF_TO_FLOAT = Uint32Array.from({ length: 65536 }, (_, half) => {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  const value = new Float32Array([(fraction / 1024) * 2 ** -14]);
  return sign | new Uint32Array(value.buffer)[0];
});
