import { type DenseType, EvolveError, encodeFloats } from '../../../core/index.js';

/** The bits of an exponent, all of which are set where a number is infinite or none. */
const EXPONENTS: Readonly<Record<Exclude<DenseType, 'f32'>, number>> = { f16: 0x7c00, bf16: 0x7f80 };

/**
 * Numbers of the tensor `name` as the bytes of a plain type.
 *
 * @throws EvolveError if one is larger than the type's largest (f16: 65504), and would become infinite
 */
export function encodeTensor(name: string, type: DenseType, values: Float32Array): Uint8Array {
  const bytes = encodeFloats(type, values);
  if (type === 'f32') return bytes;
  const words = new Uint16Array(bytes.buffer);
  const exponent = EXPONENTS[type];
  for (let i = 0; i < words.length; i++) {
    if ((words[i] & exponent) !== exponent || !Number.isFinite(values[i])) continue;
    const message = `${name}: ${values[i]} is larger than any number of the type ${type}`;
    const advice = 'Take bf16 or f32: evolve export with --type, or a run with adapter.dtype.';
    throw new EvolveError('NOT_FINITE', message, advice);
  }
  return bytes;
}
