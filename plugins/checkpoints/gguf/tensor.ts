import { DENSE_TYPES, encodeFloats, releasePages } from '../../../core/index.js';
import { invalid } from '../tensor-file.js';
import type { ModelTensor } from './architectures.js';

/** From here on a number is rounded to more than an f16 can be, which is 65504. */
const TOO_LARGE = 65520;

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
    if (!fitF16(numbers))
      throw invalid(
        file.path,
        `the tensor "${name}" (${type.name}) holds a number beyond 65504, or none at all`,
      );
    encodeFloats('f16', numbers, target.subarray(row * targetBytes, (row + 1) * targetBytes));
  }
  releasePages(source);
  return target;
}

function fitF16(numbers: Float32Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (!(Math.abs(numbers[i]) < TOO_LARGE)) return false;
  return true;
}
