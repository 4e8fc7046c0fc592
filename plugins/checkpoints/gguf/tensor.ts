import { DENSE_TYPES, encodeFloats, releasePages } from '../../../core/index.js';
import { invalid } from '../tensor-file.js';
import type { ModelTensor } from './architectures.js';

/** Of an f16's upper byte, the exponent: all bits set mean infinite, or not a number. */
const EXPONENT = 0x7c;

/**
 * The numbers of a tensor in the type that its stored type is read as, rows in the order in which the model wants them.
 * Those that are plain and in order already are a view of the mapped file; others are made anew.
 *
 * @throws EvolveError where numbers are stored in blocks and one is larger than an f16 can be
 */
export async function readTensor({ stored, rowAt }: ModelTensor): Promise<Uint8Array> {
  const { name, file, type, shape, start, bytes } = stored;
  const source = await file.map(start, bytes);
  const { decode } = type;
  if (!decode && !rowAt) return source;

  const count = shape.reduce((product, extent) => product * extent, 1);
  const rows = rowAt || shape.length > 1 ? shape[0] : 1;
  const columns = count / rows;
  const rowBytes = bytes / rows;
  const target = new Uint8Array(count * DENSE_TYPES[type.type]);
  const targetBytes = target.length / rows;
  const numbers = new Float32Array(columns);
  for (let row = 0; row < rows; row++) {
    const at = (rowAt ? rowAt(row) : row) * rowBytes;
    if (!decode) {
      target.set(source.subarray(at, at + rowBytes), row * targetBytes);
      continue;
    }
    for (let block = 0; block * type.length < columns; block++)
      decode(source, at + block * type.bytes, numbers, block * type.length);
    const halves = encodeFloats('f16', numbers);
    if (!areFinite(halves))
      throw invalid(
        file.path,
        `the tensor "${name}" (${type.name}) holds a number beyond 65504, or none at all`,
      );
    target.set(halves, row * targetBytes);
  }
  releasePages(source);
  return target;
}

function areFinite(halves: Uint8Array): boolean {
  for (let at = 1; at < halves.length; at += 2) if ((halves[at] & EXPONENT) === EXPONENT) return false;
  return true;
}
