/**
 * The device's tensors: arrays that kernels write are kept when their tensor is disposed, and given to the next that
 * needs about as much. A fresh array costs page faults and garbage collection, several times what a kernel does in it.
 */

import { EvolveError } from '../../../core/index.js';

/** Below this an array is not worth keeping. */
const SMALLEST_BYTES = 4096;
/** A kept array is given away for a need of at least half its size. */
const WORST_FIT = 2;
/** Arrays that nobody uses are dropped, the longest unused first, when they exceed this share of what is in use. */
const IDLE_SHARE = 0.25;
/** From here on, what is asked for is compared with what the machine has. */
const CHECKED_BYTES = 64 * 2 ** 20;

export class ArrayPool {
  /** Unused buffers, the longest unused first. */
  #idle: ArrayBuffer[] = [];
  #idleBytes = 0;
  #usedBytes = 0;
  #peakBytes = 0;

  /** The most that tensors took at a time, in bytes. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /**
   * An array of `size` numbers, whatever they are.
   *
   * @throws EvolveError OUT_OF_MEMORY
   */
  take(size: number): Float32Array {
    const bytes = size * 4;
    if (bytes < SMALLEST_BYTES) return new Float32Array(size);
    const buffer = this.#reuse(bytes) ?? allocate(rounded(bytes));
    this.#usedBytes += buffer.byteLength;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes + this.#idleBytes);
    return new Float32Array(buffer, 0, size);
  }

  /** Takes back an array of `take` that nobody reads any more. */
  give(array: Float32Array): void {
    const buffer = array.buffer as ArrayBuffer;
    if (buffer.byteLength < SMALLEST_BYTES) return;
    this.forget(array);
    this.#idle.push(buffer);
    this.#idleBytes += buffer.byteLength;
  }

  /** An array of `take` that somebody else may hold on to: it is left to the garbage collector. */
  forget(array: Float32Array): void {
    if (array.buffer.byteLength >= SMALLEST_BYTES) this.#usedBytes -= array.buffer.byteLength;
  }

  #reuse(bytes: number): ArrayBuffer | undefined {
    let best = -1;
    for (const [i, { byteLength }] of this.#idle.entries()) {
      if (byteLength < bytes || byteLength > bytes * WORST_FIT) continue;
      if (best < 0 || byteLength <= this.#idle[best].byteLength) best = i;
    }
    if (best < 0) {
      const allowed = IDLE_SHARE * (this.#usedBytes + bytes);
      while (this.#idleBytes > allowed) this.#idleBytes -= (this.#idle.shift() as ArrayBuffer).byteLength;
      return undefined;
    }
    const [buffer] = this.#idle.splice(best, 1);
    this.#idleBytes -= buffer.byteLength;
    return buffer;
  }
}

/** Up to the next of four steps between powers of two, so that lengths that vary a little share buffers. */
function rounded(bytes: number): number {
  const step = 2 ** Math.max(12, Math.floor(Math.log2(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}

function allocate(bytes: number): ArrayBuffer {
  if (bytes < CHECKED_BYTES || bytes < process.availableMemory()) {
    try {
      return new ArrayBuffer(bytes);
    } catch {
      // Told below.
    }
  }
  throw outOfMemory(
    `${megabytes(bytes)} for a tensor, of ${megabytes(process.availableMemory())} that are free`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** What the person is told, whoever runs out. */
export function outOfMemory(what: string): EvolveError {
  return new EvolveError(
    'OUT_OF_MEMORY',
    `memory ran out: ${what}`,
    'Lower train.perDeviceBatchSize or data.cutoffLength, set train.gradientCheckpointing: true, or store the frozen weights smaller (quantizer: int8, or nf4).',
  );
}
