/** Bytes that are written one behind the other and read by position: in memory, or in a file once they are many. */

import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { EvolveError } from '../base/errors.js';
import { displayPath } from '../base/paths.js';

/** Bytes that are read by position. */
export interface Bytes {
  readonly size: number;
  read(at: number, length: number): Buffer;
  close(): Promise<void>;
}

/** Bytes that are written one behind the other: kept in memory until `spill` says to which file they go. */
export class Spool {
  size = 0;
  readonly #hash = createHash('sha256');
  #kept: Buffer[] = [];
  #handle: FileHandle | undefined;
  #file = '';

  async append(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes);
    this.size += bytes.length;
    if (this.#handle) await this.#handle.appendFile(bytes);
    else this.#kept.push(bytes);
  }

  async spill(file: string): Promise<void> {
    this.#file = file;
    this.#handle = await open(file, 'w+');
    for (const bytes of this.#kept) await this.#handle.appendFile(bytes);
    this.#kept = [];
  }

  /** All that was written, for reading; and its SHA-256. */
  async finish(): Promise<{ bytes: Bytes; sha256: string }> {
    await this.#handle?.sync();
    const bytes = this.#handle
      ? ofFile(this.#handle, this.size, this.#file)
      : ofMemory(Buffer.concat(this.#kept));
    return { bytes, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

function ofMemory(all: Buffer): Bytes {
  return { size: all.length, read: (at, length) => all.subarray(at, at + length), close: async () => {} };
}

/** The bytes of a file. */
export async function openBytes(file: string): Promise<Bytes> {
  const handle = await open(file);
  return ofFile(handle, (await handle.stat()).size, file);
}

function ofFile(handle: FileHandle, size: number, file: string): Bytes {
  return {
    size,
    read(at, length) {
      const bytes = Buffer.allocUnsafeSlow(length);
      if (readSync(handle.fd, bytes, 0, length, at) === length) return bytes;
      throw new EvolveError('DATA_FILE', `${displayPath(file)}: ends before its end`, CUT_SHORT);
    },
    close: () => handle.close(),
  };
}

export const CUT_SHORT =
  'Something cut the token cache short. `evolve data cache --clear` removes it; the next run makes it anew.';
