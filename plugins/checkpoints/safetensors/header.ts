/**
 * The head of a safetensors file: eight bytes of length, then JSON that gives every tensor's type, shape and
 * place. Nothing in it is believed before it is checked. Format: huggingface/safetensors, README.
 */

import { z } from '../../../core/index.js';
import { PLAIN_TYPES, type PlainType } from '../kit/plain-type.js';
import { sizeOf } from '../kit/shape.js';
import { invalid, type TensorFile } from '../kit/tensor-file.js';
import { type StoredInfo, tensorInfo } from '../kit/tensor-info.js';

/** A tensor and its bytes' place in the file. */
export interface StoredTensor {
  readonly info: StoredInfo;
  readonly start: number;
  readonly end: number;
}

/** The names of the types that weights may have. */
export const TYPES: ReadonlyMap<string, PlainType> = new Map([
  ['F32', PLAIN_TYPES.f32],
  ['F16', PLAIN_TYPES.f16],
  ['BF16', PLAIN_TYPES.bf16],
  ['F64', PLAIN_TYPES.f64],
]);

/** As in the reference implementation: more cannot be meant. */
const MAX_HEADER_BYTES = 100_000_000;

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/** @throws EvolveError if the header is cut off or contradicts itself or the file */
export async function readHeader(file: TensorFile): Promise<Map<string, StoredTensor>> {
  const fail = (message: string): never => {
    throw invalid(file.path, message);
  };
  const { size } = file;
  if (size < 8) fail(`is cut off: it has ${size} bytes, not even the 8 of the header's length`);
  const declared = (await file.read(0, 8)).readBigUInt64LE();
  if (declared > BigInt(Math.min(MAX_HEADER_BYTES, size - 8))) {
    fail(
      `the header says that it has ${declared} bytes, but the file has ${size} in all; it is cut off, or no safetensors file`,
    );
  }
  const length = Number(declared);
  const text = await file.read(8, length);
  let json: unknown;
  try {
    json = JSON.parse(text.toString('utf8'));
  } catch (error) {
    fail(`the header is no JSON: ${(error as Error).message}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    fail('the header is no mapping of tensors');

  const dataStart = 8 + length;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of Object.entries(json as object)) {
    if (name === '__metadata__') continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success) {
      const [{ path, message }] = entry.error.issues;
      return fail(`the header's entry "${name}" is malformed: ${[...path, message].join(': ')}`);
    }
    const { dtype, shape, data_offsets: offsets } = entry.data;
    const [start, end] = offsets;
    // Of other types, what is in them does not matter.
    const type = TYPES.get(dtype);
    const bytes = type ? sizeOf(shape) * type.bytes : end - start;
    if (end - start !== bytes || end < start) {
      fail(
        `the tensor "${name}" of shape [${shape}] in ${dtype} has ${bytes} bytes, but its offsets [${offsets}] say ${end - start}`,
      );
    }
    const info = tensorInfo(file.path, name, dtype, shape, TYPES);
    tensors.set(name, { info, start: dataStart + start, end: dataStart + end });
  }
  checkLayout(tensors, dataStart, size, fail);
  return tensors;
}

/** The tensors must fill the rest of the file without gap or overlap. */
function checkLayout(
  tensors: ReadonlyMap<string, StoredTensor>,
  dataStart: number,
  size: number,
  fail: (message: string) => never,
): void {
  let end = dataStart;
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (tensor.start < end) fail(`the tensor "${name}" overlaps the one before it`);
    if (tensor.start > end)
      fail(`there are ${tensor.start - end} bytes before the tensor "${name}" that belong to none`);
    end = tensor.end;
  }
  if (end > size) fail(`is cut off: the tensors end at byte ${end}, the file at ${size}`);
  if (end < size) fail(`has ${size - end} bytes after the last tensor that belong to none`);
}
