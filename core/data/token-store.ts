/**
 * Where the rows of a corpus are: in memory while they are few, then in files, of which a row is read when it is needed. The
 * files are read by position, not mapped: where one is cut short, that is an error, and not the end of the process.
 */

import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import type { Example } from '../contracts/dataset.js';
import type { EncodedBatch } from './encode-batch.js';
import { type Bytes, CUT_SHORT, openBytes, Spool } from './spool.js';
import { type IdBits, type SourcedExample, unpackExample } from './token-rows.js';

/** Rows of more bytes than this go into files. */
const MOST_IN_MEMORY = 8 * 2 ** 20;

/** The files of a store: the rows, where each begins, and the examples as JSON lines. */
export const STORE_FILES = { rows: 'rows.bin', index: 'index.bin', examples: 'examples.jsonl' } as const;

/** What a store says of its files. */
export interface StoreFacts {
  readonly bits: IdBits;
  /** How many rows there are. */
  readonly count: number;
  readonly files: Readonly<
    Record<keyof typeof STORE_FILES, { readonly size: number; readonly sha256: string }>
  >;
}

type StoreBytes = Readonly<Record<keyof typeof STORE_FILES, Bytes>>;

/** The rows of a corpus, in the order of the data. */
export class TokenStore {
  /** @param offsets where each row begins, and the last one ends, in words */
  constructor(
    private readonly bits: IdBits,
    private readonly offsets: Uint32Array,
    private readonly bytes: StoreBytes,
  ) {}

  /** Opens the files of a store. */
  static async open(folder: string, { bits, count }: StoreFacts): Promise<TokenStore> {
    const opened = await Promise.all(
      Object.entries(STORE_FILES).map(
        async ([name, file]) => [name, await openBytes(path.join(folder, file))] as const,
      ),
    );
    const bytes = Object.fromEntries(opened) as StoreBytes;
    return new TokenStore(bits, wordsIn(Uint32Array, bytes.index.read(0, 4 * (count + 1))), bytes);
  }

  get count(): number {
    return this.offsets.length - 1;
  }

  row(i: number): SourcedExample {
    const [start, end] = [this.offsets[i], this.offsets[i + 1]];
    return unpackExample(wordsIn(Int32Array, this.bytes.rows.read(4 * start, 4 * (end - start))), this.bits);
  }

  /** The rows from `start` to `end` − 1, read at once. */
  rows(start: number, end: number): SourcedExample[] {
    const from = this.offsets[start];
    const words = wordsIn(Int32Array, this.bytes.rows.read(4 * from, 4 * (this.offsets[end] - from)));
    return Array.from({ length: end - start }, (_, i) => {
      const [first, last] = [this.offsets[start + i], this.offsets[start + i + 1]];
      return unpackExample(words.subarray(first - from, last - from), this.bits);
    });
  }

  /** How many tokens each row has. */
  lengths(): Int32Array {
    const { count } = this;
    return wordsIn(Int32Array, this.bytes.index.read(4 * (count + 1), 4 * count));
  }

  /** The example that row `i` was made of. */
  example(i: number): Example {
    const place = this.bytes.index.read(4 * (2 * this.count + 1) + 8 * i, 8).readDoubleLE();
    for (let size = 4096; ; size *= 4) {
      const left = Math.min(size, this.bytes.examples.size - place);
      const line = this.bytes.examples.read(place, left);
      const end = line.indexOf(10);
      if (end >= 0) return JSON.parse(line.toString('utf8', 0, end));
      if (left < size)
        throw new EvolveError('DATA_FILE', 'the token cache: an example ends before its end', CUT_SHORT);
    }
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.bytes).map((bytes) => bytes.close()));
  }
}

/** Bytes as numbers. They are copied where they do not begin at a multiple of four. */
function wordsIn<A>(
  Type: new (buffer: ArrayBufferLike, offset: number, length: number) => A,
  bytes: Buffer,
): A {
  const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Type(buffer, byteOffset, bytes.length / 4);
}

/** Takes rows, and makes a store of them. */
export class TokenStoreWriter {
  readonly #rows = new Spool();
  readonly #examples = new Spool();
  readonly #sizes: Int32Array[] = [];
  readonly #lengths: Int32Array[] = [];
  readonly #texts: Float64Array[] = [];
  #folder: string | undefined;

  /** @param makeFolder is called once, when the rows become too many for memory */
  constructor(
    private readonly bits: IdBits,
    private readonly makeFolder: () => Promise<string>,
  ) {}

  /** Whether the rows go to files. */
  get isSpilled(): boolean {
    return this.#folder !== undefined;
  }

  /** @param text the examples of the batch, as JSON lines */
  async append({ words, sizes, lengths, exampleOf }: EncodedBatch, text: Buffer): Promise<void> {
    const starts = startsOfLines(text);
    this.#texts.push(Float64Array.from(exampleOf, (example) => this.#examples.size + starts[example]));
    this.#sizes.push(sizes);
    this.#lengths.push(lengths);
    await this.#rows.append(Buffer.from(words.buffer, words.byteOffset, words.byteLength));
    await this.#examples.append(text);
    if (this.#folder === undefined && this.#rows.size + this.#examples.size > MOST_IN_MEMORY) {
      this.#folder = await this.makeFolder();
      await this.#rows.spill(path.join(this.#folder, STORE_FILES.rows));
      await this.#examples.spill(path.join(this.#folder, STORE_FILES.examples));
    }
  }

  /** @returns the store, and the files' fingerprints */
  async finish(): Promise<{ store: TokenStore; files: StoreFacts['files'] }> {
    const offsets = offsetsOf(this.#sizes);
    const index = new Spool();
    if (this.#folder !== undefined) await index.spill(path.join(this.#folder, STORE_FILES.index));
    for (const { buffer } of [offsets, joined(Int32Array, this.#lengths), joined(Float64Array, this.#texts)])
      await index.append(Buffer.from(buffer));
    const parts = { rows: this.#rows, index, examples: this.#examples };
    const finished = await Promise.all(
      Object.entries(parts).map(async ([name, spool]) => [name, await spool.finish(), spool.size] as const),
    );
    const bytes = Object.fromEntries(finished.map(([name, each]) => [name, each.bytes])) as StoreBytes;
    const files = Object.fromEntries(
      finished.map(([name, { sha256 }, size]) => [name, { size, sha256 }]),
    ) as StoreFacts['files'];
    return { store: new TokenStore(this.bits, offsets, bytes), files };
  }

  /** Leaves what was written. */
  async abandon(): Promise<void> {
    await this.#rows.close();
    await this.#examples.close();
  }
}

function startsOfLines(text: Buffer): number[] {
  const starts = [0];
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}

/** Where each row begins, in words of 32 bits; the last number is where the last row ends. */
function offsetsOf(sizes: readonly Int32Array[]): Uint32Array<ArrayBuffer> {
  const offsets = new Uint32Array(sizes.reduce((sum, part) => sum + part.length, 0) + 1);
  let row = 0;
  let at = 0;
  for (const part of sizes)
    for (const size of part) {
      at += size;
      offsets[++row] = at;
    }
  if (at < 2 ** 32) return offsets;
  const message = `the data has more tokens than one run takes (${Math.round((4 * at) / 2 ** 30)} GiB of them)`;
  throw new EvolveError('DATA_FILE', message, 'Give each source a limit.', { at: ['data', 'sources'] });
}

function joined<A extends Int32Array | Float64Array>(
  Type: new (length: number) => A,
  parts: readonly A[],
): A {
  const all = new Type(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
