/** Large buffers, and what the person is told when there is no memory for one. */

import { EvolveError } from './errors.js';

/** Only buffers of this size or more are compared with the free memory: to ask the machine takes time. */
const CHECKED_BYTES = 64 * 2 ** 20;

/** For what the memory is (`a tensor`), and what would take less. */
export interface MemoryUse {
  readonly user: string;
  readonly advice: string;
}

/**
 * A buffer of `bytes` zeros.
 *
 * @throws EvolveError OUT_OF_MEMORY
 */
export function allocate(bytes: number, use: MemoryUse): ArrayBuffer {
  expectRoom(bytes, use);
  try {
    return new ArrayBuffer(bytes);
  } catch {
    throw outOfMemory(megabytes(bytes), use);
  }
}

/** @throws EvolveError OUT_OF_MEMORY if so many bytes are not free */
export function expectRoom(bytes: number, use: MemoryUse): void {
  if (bytes >= CHECKED_BYTES && bytes >= process.availableMemory()) throw outOfMemory(megabytes(bytes), use);
}

/** What the person is told. `amount` is a number with its unit. */
export function outOfMemory(amount: string, { user, advice }: MemoryUse): EvolveError {
  const free = megabytes(process.availableMemory());
  const message = `memory ran out: ${amount} for ${user}, of ${free} that are free`;
  return new EvolveError('OUT_OF_MEMORY', message, advice);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
