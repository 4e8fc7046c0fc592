/**
 * The head of a GGUF file: metadata, and every tensor's type, shape and place. Nothing in it is believed before it is
 * checked. Format: ggml, docs/gguf.md, versions 2 and 3. The library @huggingface/gguf (0.4.6) reads it too, but cuts a
 * text longer than what it has read of the file, and takes what lies behind the end of one that is cut off for zeros.
 */

import { sizeOf } from '../kit/shape.js';
import { invalid, type TensorFile } from '../kit/tensor-file.js';
import { STORED_TYPES, type StoredType, typeName } from './blocks.js';

/** A tensor, and its bytes' place in the file. */
export interface StoredTensor {
  readonly name: string;
  readonly file: TensorFile;
  readonly type: StoredType;
  /** Row-major, the last axis the one along which numbers lie side by side. */
  readonly shape: readonly number[];
  readonly start: number;
  readonly bytes: number;
}

export interface Container {
  readonly path: string;
  /** Plain values and arrays of them; integers of 64 bits are numbers too. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Heads have a few megabytes, most of it the tokenizer's. */
const FIRST_READ = 2 ** 22;
const MAX_HEAD_BYTES = 2 ** 28;
/** Vocabularies have a few hundred thousand tokens. */
const MAX_ITEMS = 2 ** 24;
/** Of a value of metadata, by GGUF's number of its type: the bytes that it has at least. */
const LEAST_BYTES: readonly number[] = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];
const MAX_DEPTH = 4;
const MAX_AXES = 4;
const DEFAULT_ALIGNMENT = 32;

/** @throws EvolveError if the head is cut off, or contradicts itself or the file, or has what is not known here */
export async function readContainer(file: TensorFile): Promise<Container> {
  for (let length = Math.min(FIRST_READ, file.size); ; length = Math.min(4 * length, file.size)) {
    try {
      return parse(file, await file.read(0, length));
    } catch (error) {
      if (!(error instanceof HeadContinues)) throw error;
      if (error.end > file.size)
        throw invalid(file.path, `is cut off: its head alone has more than its ${file.size} bytes`);
      if (error.end > MAX_HEAD_BYTES) throw invalid(file.path, 'its head has more bytes than can be meant');
    }
  }
}

function parse(file: TensorFile, bytes: Buffer): Container {
  const { path } = file;
  const head = new Head(path, bytes);
  if (head.take(4).toString('latin1') !== 'GGUF')
    throw invalid(path, 'is no GGUF file: it does not begin with "GGUF"');
  const version = head.u32();
  if (version !== 2 && version !== 3)
    throw invalid(path, `is of GGUF's version ${version}, or for big-endian machines; known are 2 and 3`);
  const tensorCount = head.u64();
  const metadataCount = head.u64();
  const metadata = new Map<string, unknown>();
  for (let i = 0; i < metadataCount; i++) {
    const key = head.text();
    if (metadata.has(key)) throw invalid(path, `its metadata has "${key}" twice`);
    metadata.set(key, head.value(head.u32()));
  }
  const declared = new Map<string, { shape: number[]; type: number; offset: number }>();
  for (let i = 0; i < tensorCount; i++) {
    const name = head.text();
    if (declared.has(name)) throw invalid(path, `holds the tensor "${name}" twice`);
    const axes = head.u32();
    if (axes > MAX_AXES) throw invalid(path, `the tensor "${name}" has ${axes} axes`);
    // The file counts axes from the innermost.
    const shape = Array.from({ length: axes }, () => head.u64()).reverse();
    declared.set(name, { shape, type: head.u32(), offset: head.u64() });
  }
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== 'number' || !Number.isInteger(Math.log2(alignment)))
    throw invalid(path, `its metadata "general.alignment" should be a power of two, but is ${alignment}`);
  const dataStart = Math.ceil(head.at / alignment) * alignment;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { shape, type, offset }] of declared) {
    tensors.set(name, placed(file, name, shape, type, dataStart + offset));
  }
  checkPlaces([...tensors.values()], dataStart, alignment, path);
  return { path, metadata: Object.fromEntries(metadata), tensors };
}

/** Tensors lie one behind the other, each from the next multiple of the alignment on: else their numbers would be others. */
function checkPlaces(
  tensors: readonly StoredTensor[],
  dataStart: number,
  alignment: number,
  path: string,
): void {
  let expected = dataStart;
  for (const { name, start, bytes } of [...tensors].sort((a, b) => a.start - b.start)) {
    if (start !== expected)
      throw invalid(path, `the tensor "${name}" begins at byte ${start}, but should begin at ${expected}`);
    expected = dataStart + Math.ceil((start + bytes - dataStart) / alignment) * alignment;
  }
}

function placed(
  file: TensorFile,
  name: string,
  shape: number[],
  number: number,
  start: number,
): StoredTensor {
  const { path, size } = file;
  const type = STORED_TYPES.get(number);
  if (!type) {
    const known = [...STORED_TYPES.values()].map((stored) => stored.name).join(', ');
    const message = `the tensor "${name}" is of type ${typeName(number)}; known are ${known}`;
    throw invalid(path, message, 'Take another quantization of this model.');
  }
  if (shape.includes(0)) throw invalid(path, `the tensor "${name}" of shape [${shape}] holds nothing`);
  const innermost = shape[shape.length - 1] ?? 1;
  if (innermost % type.length !== 0) {
    const message = `the tensor "${name}" of shape [${shape}] does not divide into the blocks of ${type.length} of ${type.name}`;
    throw invalid(path, message);
  }
  const count = sizeOf(shape);
  const bytes = (count / type.length) * type.bytes;
  if (start + bytes > size)
    throw invalid(
      path,
      `is cut off: the tensor "${name}" ends at byte ${start + bytes}, the file at ${size}`,
    );
  return { name, file, type, shape, start, bytes };
}

/** What was read of the file ends within its head. */
class HeadContinues extends Error {
  /** @param end up to which byte it goes on at least */
  constructor(readonly end: number) {
    super();
  }
}

/** Reads a head from its beginning on. */
class Head {
  at = 0;
  /** In all lists together. */
  #items = 0;

  constructor(
    private readonly path: string,
    private readonly bytes: Buffer,
  ) {}

  take(length: number): Buffer {
    this.#expect(length);
    const start = this.at;
    this.at += length;
    return this.bytes.subarray(start, this.at);
  }

  #expect(length: number): void {
    const end = this.at + length;
    if (end > this.bytes.length) throw new HeadContinues(end);
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  u64(): number {
    return Number(this.take(8).readBigUInt64LE());
  }

  text(): string {
    return this.take(this.u64()).toString('utf8');
  }

  /** A value of metadata, by GGUF's number of its type. */
  value(type: number, depth = 0): unknown {
    switch (type) {
      case 0:
        return this.take(1).readUInt8();
      case 1:
        return this.take(1).readInt8();
      case 2:
        return this.take(2).readUInt16LE();
      case 3:
        return this.take(2).readInt16LE();
      case 4:
        return this.u32();
      case 5:
        return this.take(4).readInt32LE();
      case 6:
        return this.take(4).readFloatLE();
      case 7:
        return this.take(1)[0] !== 0;
      case 8:
        return this.text();
      case 9: {
        if (depth === MAX_DEPTH) break;
        const itemType = this.u32();
        const count = this.u64();
        this.#items += count;
        if (this.#items > MAX_ITEMS)
          throw invalid(this.path, `its metadata has lists of ${this.#items} values, more than can be meant`);
        this.#expect(count * (LEAST_BYTES[itemType] ?? 0));
        const items: unknown[] = [];
        for (let i = 0; i < count; i++) items.push(this.value(itemType, depth + 1));
        return items;
      }
      case 10:
        return this.u64();
      case 11:
        return Number(this.take(8).readBigInt64LE());
      case 12:
        return this.take(8).readDoubleLE();
    }
    throw invalid(this.path, `its metadata is damaged at byte ${this.at}: there is no type ${type}`);
  }
}
