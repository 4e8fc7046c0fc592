import { DENSE_TYPES, encodeFloats, perform, releasePages } from '../../../core/index.js';
import { asRead } from '../kit/plain-type.js';
import { sizeOf } from '../kit/shape.js';
import { allocateRead, invalid } from '../kit/tensor-file.js';
import type { StoredType } from './blocks.js';
import type { ModelTensor } from './read-model.js';

/** From here on a number is rounded to more than an f16 can be, which is 65504. */
const TOO_LARGE = 65520;

/**
 * What makes the numbers of a tensor, in the type that its stored type is read as, rows in the order in which the model
 * wants them. Those that are plain and in order already are a view of the mapped file; others are made anew. It throws
 * an EvolveError where numbers are stored in blocks and one is larger than an f16 can be.
 */
export async function openTensor({ stored, rowAt }: ModelTensor): Promise<() => Uint8Array> {
  const source = await stored.file.map(stored.start, stored.bytes);
  return () => decodeTensor(stored, rowAt, source);
}

function decodeTensor(
  { name, file, type, shape }: ModelTensor['stored'],
  rowAt: ModelTensor['rowAt'],
  stored: Uint8Array,
): Uint8Array {
  const { decode, plain } = type;
  const source = plain ? asRead(file.path, name, plain, stored) : stored;
  if (!decode && !rowAt) return source;
  const count = sizeOf(shape);
  const rows = rowAt || shape.length > 1 ? shape[0] : 1;
  const order = rowAt && Int32Array.from({ length: rows }, (_, row) => rowAt(row));
  const target = new Uint8Array(allocateRead(file.path, count * DENSE_TYPES[type.type]));
  if (!decode) reorder(source, order as Int32Array, target);
  else if (!decodeBlocks(type, source, order, rows, count / rows, target)) {
    const what = `the tensor "${name}" (${type.name}) holds a number beyond 65504, or none at all`;
    throw invalid(file.path, what);
  }
  releasePages(stored);
  return target;
}

/** Row i of `target` becomes row `order[i]` of `source`. */
function reorder(source: Uint8Array, order: Int32Array, target: Uint8Array): void {
  const rowBytes = source.length / order.length;
  order.forEach((at, row) => {
    target.set(source.subarray(at * rowBytes, (at + 1) * rowBytes), row * rowBytes);
  });
}

/** Whether all numbers are such that an f16 can hold. Kernel: `DecodeBlocks`. */
function decodeBlocks(
  type: StoredType,
  source: Uint8Array,
  order: Int32Array | undefined,
  rows: number,
  columns: number,
  target: Uint8Array,
): boolean {
  const work = { type: type.number, source, order: order ?? null, rows, columns, target };
  const done = perform('DecodeBlocks', work);
  if (done !== undefined) return done;

  const { decode } = type as Required<StoredType>;
  const rowBytes = source.length / rows;
  const rowTarget = target.length / rows;
  const numbers = new Float32Array(columns);
  for (let row = 0; row < rows; row++) {
    const at = (order?.[row] ?? row) * rowBytes;
    for (let block = 0; block * type.length < columns; block++)
      decode(source, at + block * type.bytes, numbers, block * type.length);
    if (!fitF16(numbers)) return false;
    encodeFloats('f16', numbers, target.subarray(row * rowTarget, (row + 1) * rowTarget));
  }
  return true;
}

function fitF16(numbers: Float32Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (!(Math.abs(numbers[i]) < TOO_LARGE)) return false;
  return true;
}
