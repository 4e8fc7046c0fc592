/** A file or pipe as a stream of bytes, looked at before it is read, and unpacked. */

import { constants, createReadStream, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { displayPath, EvolveError, messageOf, STDIN } from '../../../../core/index.js';

export type Bytes = AsyncIterable<Buffer>;

/** Bytes whose beginning is known. */
export interface Peeked {
  /** The first bytes: `HEAD_BYTES` of them, or all where there are fewer. */
  readonly head: Buffer;
  /** All bytes, `head` included. They can be read once. */
  readonly bytes: Bytes;
  /** Where they are not read after all. */
  close(): Promise<void>;
}

/** How much of a file is looked at before it is read. */
export const HEAD_BYTES = 2 ** 16;

const CHUNK_BYTES = 2 ** 18;

/**
 * The bytes of a file, a pipe or standard input (`-`), as they are stored.
 *
 * @param signal ends the waiting for a pipe to which nobody writes
 */
export async function* readBytes(file: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    const stream = await streamOf(file);
    if (signal) addAbortSignal(signal, stream);
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error instanceof EvolveError || (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new EvolveError('DATA_FILE', `${nameOf(file)}: cannot be read: ${messageOf(error)}`);
  }
}

async function streamOf(file: string): Promise<Readable> {
  if (file === STDIN) return process.stdin;
  if (!(await stat(file)).isFIFO()) return createReadStream(file, { highWaterMark: CHUNK_BYTES });
  // Opened so that it waits for no writer: a thread that waits in open() could not be interrupted. The socket closes it.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: true, writable: false });
}

/** The file as messages name it. */
export function nameOf(file: string): string {
  return file === STDIN ? 'standard input' : displayPath(file);
}

/** Looks at the beginning of bytes. */
export async function peek(bytes: Bytes): Promise<Peeked> {
  const iterator = bytes[Symbol.asyncIterator]();
  const read: Buffer[] = [];
  let [size, isOver] = [0, false];
  while (size < HEAD_BYTES && !isOver) {
    const { value, done } = await iterator.next();
    if (done) isOver = true;
    else size += read.push(value) && value.length;
  }
  const begun = Buffer.concat(read);
  const close = async () => {
    await iterator.return?.();
  };
  return { head: begun.subarray(0, HEAD_BYTES), bytes: all(begun, iterator), close };
}

async function* all(begun: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield begun;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

export type Packing = 'gzip' | 'zstd';

/** How bytes that begin so are packed. */
export function packingOf(head: Buffer): Packing | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return head.length >= 4 && head.readUInt32LE() === 0xfd2fb528 ? 'zstd' : undefined;
}

export function unpacked(name: string, packing: Packing, bytes: Bytes): Bytes {
  return packing === 'gzip' ? gunzip(name, bytes) : unzstd(name, bytes);
}

async function* gunzip(name: string, bytes: Bytes): AsyncGenerator<Buffer> {
  const unzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // What fails shows where the unpacked bytes are read.
  pipeline(Readable.from(bytes), unzip, () => {});
  let size = 0;
  try {
    for await (const chunk of unzip) {
      size += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  } catch (error) {
    throw damaged(name, 'gzip', size, error);
  }
}

async function* unzstd(name: string, bytes: Bytes): AsyncGenerator<Buffer> {
  const { Decompress } = await import('fzstd');
  const ready: Buffer[] = [];
  const unzip = new Decompress((data) => ready.push(Buffer.from(data)));
  let size = 0;
  const take = function* () {
    for (const chunk of ready.splice(0)) {
      size += chunk.length;
      yield chunk;
    }
  };
  const push = (chunk: Uint8Array, isLast: boolean) => {
    try {
      unzip.push(chunk, isLast);
    } catch (error) {
      throw damaged(name, 'zstd', size, error);
    }
  };
  for await (const chunk of bytes) {
    push(chunk, false);
    yield* take();
  }
  push(new Uint8Array(), true);
  yield* take();
}

function damaged(name: string, what: string, size: number, cause: unknown): EvolveError {
  if (cause instanceof EvolveError) return cause;
  const message = `${name}: the ${what} archive is cut off or damaged behind byte ${size} of what is in it: ${messageOf(cause)}`;
  return new EvolveError('DATA_FILE', message, 'Fetch or pack the file again.', { cause });
}
