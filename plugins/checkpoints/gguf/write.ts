/**
 * Writes a model as one GGUF file, as llama.cpp loads it. Container: ggml's docs/gguf.md, version 3. Tensors are written
 * one after another as their numbers are made; the file gets its name when it is whole.
 */

import type { FileHandle } from 'node:fs/promises';
import {
  type CheckpointWrite,
  type DenseType,
  EvolveError,
  type TensorToWrite,
} from '../../../core/index.js';
import { encodeTensor } from '../kit/encode.js';
import type { Architecture, MetadataValue } from '../kit/gguf/index.js';
import { sizeOf } from '../kit/shape.js';
import { writeWhole } from '../kit/whole-file.js';
import { general } from './write-general.js';
import { describeModel } from './write-model.js';
import { parsed, tokenizerMetadata } from './write-tokenizer.js';

type Type = DenseType | 'q8_0';

const ALIGNMENT = 32;
/** By our names: ggml's tensor type, and llama.cpp's `general.file_type`. */
const TYPES: Readonly<Record<Type, { tensor: number; file: number }>> = {
  f32: { tensor: 0, file: 0 },
  f16: { tensor: 1, file: 1 },
  q8_0: { tensor: 8, file: 7 },
  bf16: { tensor: 30, file: 32 },
};
/** Numbers of a Q8_0 block, and its bytes: a half for the scale, then a byte each. */
const Q8_BLOCK = 32;
const Q8_BYTES = 34;

/** @throws EvolveError if the model is of none of these architectures, or not as GGUF can tell it */
export async function writeGguf(
  request: CheckpointWrite,
  architectures: readonly Architecture[],
): Promise<void> {
  const { type = 'f32' } = request;
  const files = request.files ?? new Map<string, Uint8Array>();
  const config = parsed(files, 'config.json');
  if (!config) throw new EvolveError('MODEL_INVALID', `${request.path}: GGUF needs the model's config.json`);
  const model = describeModel(config, request.tensors, architectures);
  const metadata = new Map<string, MetadataValue>([
    ...general(request, model),
    ['general.file_type', { u32: TYPES[type].file }],
    ['general.quantization_version', { u32: 2 }],
    ['general.alignment', { u32: ALIGNMENT }],
    ...(request.adapter ? [] : await tokenizerMetadata(files, config)),
  ]);
  const infos = model.tensors.map(({ name, tensor }): TensorInfo => {
    const stored = typeFor(tensor, type);
    return { name, tensor, stored, bytes: bytesOf(tensor.shape, stored) };
  });

  const head = new Bytes();
  head.text('GGUF');
  head.u32(3);
  head.u64(infos.length);
  head.u64(metadata.size);
  for (const [key, value] of metadata) head.entry(key, value);
  let offset = 0;
  for (const { name, tensor, stored, bytes } of infos) {
    head.string(name);
    head.u32(tensor.shape.length);
    // The fastest dimension comes first.
    for (const extent of [...tensor.shape].reverse()) head.u64(extent);
    head.u32(TYPES[stored].tensor);
    head.u64(offset);
    offset = aligned(offset + bytes);
  }
  head.pad();

  await writeWhole(request.path, async (file) => {
    await file.writeFile(head.all());
    for (const info of infos) await writeTensor(file, info);
  });
}

/** The tensor's own type where it says one. Vectors are kept in fp32; rows that are no whole blocks in f16: as in llama.cpp. */
function typeFor({ shape, type: own }: TensorToWrite, otherwise: Type): Type {
  if (shape.length === 1) return 'f32';
  const type = own ?? otherwise;
  return type === 'q8_0' && shape[shape.length - 1] % Q8_BLOCK !== 0 ? 'f16' : type;
}

/** A tensor, the type that it is stored in, and its bytes in that. */
interface TensorInfo {
  readonly name: string;
  readonly tensor: TensorToWrite;
  readonly stored: Type;
  readonly bytes: number;
}

async function writeTensor(file: FileHandle, { name, tensor, stored, bytes }: TensorInfo): Promise<void> {
  const { shape, values } = tensor;
  let written = 0;
  for (const piece of values instanceof Float32Array ? [values] : values()) {
    const encoded = stored === 'q8_0' ? encodeQ8(name, piece) : encodeTensor(name, stored, piece);
    await file.writeFile(encoded);
    written += encoded.length;
  }
  if (written !== bytes) throw new Error(`${name} [${shape}] has ${bytes} bytes, but was given ${written}`);
  await file.writeFile(new Uint8Array(aligned(bytes) - bytes));
}

/** Blocks of 32 numbers, each with the scale that takes its largest to 127. Source: ggml-quants.c. */
function encodeQ8(name: string, values: Float32Array): Uint8Array {
  const blocks = values.length / Q8_BLOCK;
  const scales = new Float32Array(blocks);
  const bytes = new Uint8Array(blocks * Q8_BYTES);
  const numbers = new Int8Array(bytes.buffer);
  for (let block = 0; block < blocks; block++) {
    let largest = 0;
    for (let i = block * Q8_BLOCK; i < (block + 1) * Q8_BLOCK; i++)
      largest = Math.max(largest, Math.abs(values[i]));
    scales[block] = Math.fround(largest / 127);
    const inverse = scales[block] === 0 ? 0 : Math.fround(1 / scales[block]);
    for (let i = 0; i < Q8_BLOCK; i++) {
      const value = Math.fround(values[block * Q8_BLOCK + i] * inverse);
      numbers[block * Q8_BYTES + 2 + i] = Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
    }
  }
  const halves = encodeTensor(`${name}, the scale of a block`, 'f16', scales);
  for (let block = 0; block < blocks; block++)
    bytes.set(halves.subarray(2 * block, 2 * block + 2), block * Q8_BYTES);
  return bytes;
}

function bytesOf(shape: readonly number[], type: Type): number {
  const size = sizeOf(shape);
  if (type === 'q8_0') return (size / Q8_BLOCK) * Q8_BYTES;
  return size * (type === 'f32' ? 4 : 2);
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** Little-endian bytes, as they come. */
class Bytes {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  all(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  pad(): void {
    this.#add(new Uint8Array(aligned(this.#length) - this.#length));
  }

  text(text: string): void {
    this.#add(new TextEncoder().encode(text));
  }

  u32(value: number): void {
    this.#add(new Uint8Array(Uint32Array.of(value).buffer));
  }

  u64(value: number): void {
    this.#add(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u64(bytes.length);
    this.#add(bytes);
  }

  entry(key: string, value: MetadataValue): void {
    this.string(key);
    if ('u32' in value) this.#typed(4, () => this.u32(value.u32));
    else if ('f32' in value)
      this.#typed(6, () => this.#add(new Uint8Array(Float32Array.of(value.f32).buffer)));
    else if ('bool' in value) this.#typed(7, () => this.#add(Uint8Array.of(Number(value.bool))));
    else if ('string' in value) this.#typed(8, () => this.string(value.string));
    else if ('strings' in value)
      this.#array(8, value.strings.length, () => {
        for (const text of value.strings) this.string(text);
      });
    else if ('f32s' in value)
      this.#array(6, value.f32s.length, () =>
        this.#add(new Uint8Array(Float32Array.from(value.f32s).buffer)),
      );
    else
      this.#array(5, value.i32s.length, () => this.#add(new Uint8Array(Int32Array.from(value.i32s).buffer)));
  }

  #typed(type: number, write: () => void): void {
    this.u32(type);
    write();
  }

  #array(type: number, length: number, write: () => void): void {
    this.u32(9);
    this.u32(type);
    this.u64(length);
    write();
  }

  #add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
}
