/**
 * Memory on the card, in classes of size. What is given back is kept for the next of its class: the driver takes a thousand
 * times as long as a kernel to give out memory. One stream computes all in order, so that memory can be given to the next
 * user while the last one's kernels still wait.
 */

import { EvolveError } from '../../../core/index.js';
import type { Addon, Pointer } from './addon.js';

const SMALLEST_BYTES = 512;
const ADVICE =
  'Lower train.perDeviceBatchSize or data.cutoffLength, set train.gradientCheckpointing: true, store the frozen weights smaller (quantizer: int8, or nf4), or end what else uses the card.';

/** Up to the next of four steps between powers of two. */
export function classOf(bytes: number): number {
  const step = Math.max(SMALLEST_BYTES, 2 ** (Math.floor(Math.log2(bytes)) - 2));
  return Math.ceil(Math.max(bytes, 1) / step) * step;
}

export class DevicePool {
  readonly #idle = new Map<number, Pointer[]>();
  #usedBytes = 0;
  #heldBytes = 0;
  #peakBytes = 0;

  constructor(private readonly addon: Addon) {}

  /** Bytes that are in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The most bytes that were taken from the card at once, since `beginPeak`. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  beginPeak(): void {
    this.#peakBytes = this.#heldBytes;
  }

  /**
   * Memory for `bytes`, with whatever is in it.
   *
   * @param user what it is for, as the person is told where there is none
   * @throws EvolveError OUT_OF_MEMORY
   */
  take(bytes: number, user = 'a tensor'): Pointer {
    const size = classOf(bytes);
    const pointer = this.#idle.get(size)?.pop() ?? this.#allocate(size, user);
    this.#usedBytes += size;
    return pointer;
  }

  /** Takes back what `take` gave for so many bytes. */
  give(pointer: Pointer, bytes: number): void {
    const size = classOf(bytes);
    this.#usedBytes -= size;
    const same = this.#idle.get(size);
    if (same) same.push(pointer);
    else this.#idle.set(size, [pointer]);
  }

  /** Gives the card what nobody uses. */
  trim(): void {
    for (const [size, pointers] of this.#idle) {
      for (const pointer of pointers) this.addon.release(pointer);
      this.#heldBytes -= size * pointers.length;
    }
    this.#idle.clear();
  }

  #allocate(size: number, user: string): Pointer {
    let pointer = this.addon.allocate(size);
    if (!pointer) {
      this.trim();
      pointer = this.addon.allocate(size);
    }
    if (!pointer) throw this.#none(size, user);
    this.#heldBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#heldBytes);
    return pointer;
  }

  #none(size: number, user: string): EvolveError {
    const { free, total } = this.addon.memory();
    const [needed, left, all, used] = [size, free, total, this.#usedBytes].map(
      (bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`,
    );
    const message = `the memory of the card ran out: ${needed} for ${user}, of ${left} that are free; it has ${all}, of which this run uses ${used}`;
    return new EvolveError('OUT_OF_MEMORY', message, ADVICE);
  }
}
