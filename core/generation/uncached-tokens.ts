import type { Batch } from '../contracts/batch.js';
import { IGNORED } from '../contracts/labels.js';

/** The tokens left to compute when the first ones are cached: the part of a CachePass that all caches share. */
export class UncachedTokens {
  /** The tokens that are not cached. */
  readonly batch: Batch;

  /**
   * @param whole the whole sequences
   * @param pasts `[sequences]`: tokens of each sequence that are cached already
   * @throws RangeError if their numbers differ, or a sequence has nothing new
   */
  constructor(
    readonly whole: Batch,
    readonly pasts: Int32Array,
  ) {
    const { offsets } = whole;
    if (pasts.length !== offsets.length - 1) {
      throw new RangeError(`${pasts.length} cached sequences do not fit ${offsets.length - 1}`);
    }
    const counts = Array.from(pasts, (past, s) => offsets[s + 1] - offsets[s] - past);
    if (counts.some((count) => count < 1))
      throw new RangeError('all tokens of a sequence are cached already');
    const labels = this.pick(whole.labels);
    this.batch = {
      inputIds: this.pick(whole.inputIds),
      labels,
      positions: this.pick(whole.positions),
      offsets: runningSum(counts),
      targets: labels.reduce((count, label) => count + Number(label !== IGNORED), 0),
    };
  }

  /** Takes one value for each token of `whole`, and returns those of the tokens in `batch`. */
  pick(values: Int32Array): Int32Array {
    const { offsets } = this.whole;
    const parts = Array.from(this.pasts, (past, s) => values.subarray(offsets[s] + past, offsets[s + 1]));
    const picked = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      picked.set(part, at);
      at += part.length;
    }
    return picked;
  }
}

/** `[counts + 1]`: 0, then the running sums of the counts. */
export function runningSum(counts: readonly number[]): Int32Array {
  const sums = new Int32Array(counts.length + 1);
  for (const [i, count] of counts.entries()) sums[i + 1] = sums[i] + count;
  return sums;
}
