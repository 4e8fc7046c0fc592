import type { EncodedExample } from '../contracts/labels.js';

/** How many tokens one buffer holds: 4 MB. */
const CAPACITY = 2 ** 20;

/**
 * Keeps examples in few large buffers. A small buffer for each would cost more than its tokens, and the garbage collector
 * would look at all of them again and again during the run.
 */
export class TokenArena {
  #buffer = new Int32Array(0);
  #used = 0;

  /** The same example, with its token ids in the arena. */
  keep({ inputIds, spans }: EncodedExample): EncodedExample {
    return { inputIds: this.#copy(inputIds), spans };
  }

  #copy(ids: Int32Array): Int32Array {
    if (this.#used + ids.length > this.#buffer.length) {
      this.#buffer = new Int32Array(Math.max(CAPACITY, ids.length));
      this.#used = 0;
    }
    const copy = this.#buffer.subarray(this.#used, this.#used + ids.length);
    copy.set(ids);
    this.#used += ids.length;
    return copy;
  }
}
