/** Converts plain numbers, as checkpoints store them, to fp32 and back. */

/** The types of plain numbers, each with the bytes that a number takes. */
export const DENSE_TYPES = { f32: 4, f16: 2, bf16: 2 } as const;
export type DenseType = keyof typeof DENSE_TYPES;

/**
 * Little-endian numbers of a plain type -> fp32, exactly.
 *
 * @throws RangeError if `target` has no room for them
 */
export function decodeFloats(type: DenseType, bytes: Uint8Array, target: Float32Array): void {
  const size = DENSE_TYPES[type];
  // A typed array must begin at a multiple of its element size; bytes within a file may begin anywhere.
  // Not slice(): that of a Buffer makes no copy.
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
  else {
    halfToFloat ??= decodedHalves();
    for (let i = 0; i < count; i++) bits[i] = halfToFloat[words[i]];
  }
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
  // Two loops: the compiler does not inline a call to one of two functions.
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
let halfToFloat: Uint32Array | undefined;

function decodedHalves(): Uint32Array {
  return Uint32Array.from({ length: 65536 }, (_, half) => {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
    if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
    const value = new Float32Array([(fraction / 1024) * 2 ** -14]);
    return sign | new Uint32Array(value.buffer)[0];
  });
}
