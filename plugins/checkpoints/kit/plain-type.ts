/** The plain types that files hold numbers in: those that weights may have, and fp64, which is read as fp32. */

import { DENSE_TYPES, type DenseType } from '../../../core/index.js';
import { allocateRead, invalid } from './tensor-file.js';

export interface PlainType {
  /** What its numbers are read as. */
  readonly type: DenseType;
  /** Of a number in the file. */
  readonly bytes: number;
}

export const PLAIN_TYPES: Readonly<Record<DenseType | 'f64', PlainType>> = {
  f32: { type: 'f32', bytes: DENSE_TYPES.f32 },
  f16: { type: 'f16', bytes: DENSE_TYPES.f16 },
  bf16: { type: 'bf16', bytes: DENSE_TYPES.bf16 },
  f64: { type: 'f32', bytes: 8 },
};

/**
 * The bytes of a tensor in the type that its stored type is read as: those of fp64 are rounded to fp32.
 *
 * @throws EvolveError if a number is too large for that
 */
export function asRead(path: string, name: string, stored: PlainType, bytes: Uint8Array): Uint8Array {
  if (stored !== PLAIN_TYPES.f64) return bytes;
  const count = bytes.length / stored.bytes;
  // They may begin anywhere in the file.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read = allocateRead(path, count * DENSE_TYPES.f32);
  const numbers = new Float32Array(read);
  for (let i = 0; i < count; i++) {
    const number = view.getFloat64(i * stored.bytes, true);
    numbers[i] = number;
    if (Number.isFinite(number) && !Number.isFinite(numbers[i]))
      throw invalid(path, `the tensor "${name}" holds ${number}, which is too large for fp32`, '');
  }
  return new Uint8Array(read);
}
