/**
 * The device's tensors: arrays that kernels write are kept when their tensor is disposed, and given to the next that
 * needs about as much. A fresh array costs page faults and garbage collection, several times what a kernel does in it.
 */

import { allocate, type MemoryUse } from '../../../core/index.js';

/** Below this an array is not worth keeping. */
const SMALLEST_BYTES = 4096;
/** A kept array is given away for a need of at least half its size. */
const WORST_FIT = 2;
/** With unused arrays the pool holds at most this many times what was ever in use at once. */
const MOST_HELD = 1.25;
/** What kernels and their tensors take. */
export function memoryOf(user: string): MemoryUse {
  const advice =
    'Lower train.perDeviceBatchSize or data.cutoffLength, set train.gradientCheckpointing: true, or store the frozen weights smaller (quantizer: int8, or nf4).';
  return { user, advice };
}

export class ArrayPool {
  /** Unused buffers by their size; the size that was longest not asked for comes first. */
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;
  #usedBytes = 0;
  #peakUsedBytes = 0;

  /**
   * An array of `size` numbers, whatever they are.
   *
   * @throws EvolveError OUT_OF_MEMORY
   */
  take(size: number): Float32Array {
    const bytes = size * 4;
    if (bytes < SMALLEST_BYTES) return new Float32Array(size);
    const buffer = this.#reuse(rounded(bytes)) ?? this.#allocate(rounded(bytes));
    this.#usedBytes += buffer.byteLength;
    this.#peakUsedBytes = Math.max(this.#peakUsedBytes, this.#usedBytes);
    return new Float32Array(buffer, 0, size);
  }

  /** Takes back an array of `take` that nobody reads any more. */
  give(array: Float32Array): void {
    const buffer = array.buffer as ArrayBuffer;
    const { byteLength } = buffer;
    if (byteLength < SMALLEST_BYTES) return;
    this.forget(array);
    const same = this.#idle.get(byteLength);
    if (same) same.push(buffer);
    else this.#idle.set(byteLength, [buffer]);
    this.#idleBytes += byteLength;
  }

  /** An array of `take` that somebody else may hold on to: it is left to the garbage collector. */
  forget(array: Float32Array): void {
    if (array.buffer.byteLength >= SMALLEST_BYTES) this.#usedBytes -= array.buffer.byteLength;
  }

  #reuse(bytes: number): ArrayBuffer | undefined {
    for (let size = bytes; size <= bytes * WORST_FIT; size = rounded(size + 1)) {
      const buffers = this.#idle.get(size);
      if (!buffers) continue;
      const buffer = buffers.pop() as ArrayBuffer;
      this.#idle.delete(size);
      if (buffers.length > 0) this.#idle.set(size, buffers);
      this.#idleBytes -= size;
      return buffer;
    }
    return undefined;
  }

  #allocate(bytes: number): ArrayBuffer {
    const most = MOST_HELD * Math.max(this.#peakUsedBytes, this.#usedBytes + bytes);
    for (const [size, buffers] of this.#idle) {
      while (buffers.length > 0 && this.#usedBytes + this.#idleBytes + bytes > most) {
        buffers.pop();
        this.#idleBytes -= size;
      }
      if (buffers.length > 0) break;
      this.#idle.delete(size);
    }
    return allocate(bytes, memoryOf('a tensor'));
  }
}

/** Up to the next of four steps between powers of two, so that lengths that vary a little share buffers. */
function rounded(bytes: number): number {
  const step = 2 ** Math.max(12, Math.floor(Math.log2(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}
