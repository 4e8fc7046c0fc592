/**
 * What attention keeps of the tokens that it has seen, their keys and values, so that a pass computes new tokens alone.
 *
 *     const cache = new KeyValueCache();
 *     const sequence = cache.begin();
 *     model.nextLogits(batch, [sequence]);      // the whole sequence; what is cached of it is not computed again
 *     const twin = sequence.fork();             // shares all that is cached
 *     sequence.free();
 *
 * Memory is given out in blocks of tokens, which several sequences may hold (PagedAttention, arXiv 2309.06180): nothing
 * is moved when a sequence grows, and a fork costs a list of numbers. Only the last block, where it is not full, is
 * copied before one of its holders writes to it.
 */

import { allocate, type MemoryUse } from '../base/memory.js';
import type { Batch } from '../contracts/batch.js';
import { IGNORED } from '../contracts/encoder.js';

/** Tokens of a block. The kernels know it too. */
export const BLOCK_TOKENS = 32;
/** Blocks that are allocated at once. The system gives memory to those that are written. */
export const SLAB_BLOCKS = 16;

/** All sequences that are being decoded, for one model. */
export class KeyValueCache {
  readonly #layers: LayerStore[] = [];
  /** By block: how many sequences hold it. */
  readonly #holders: number[] = [];
  readonly #free: number[] = [];

  /** A sequence of which nothing is cached. */
  begin(): CachedSequence {
    return new CachedSequence(this);
  }

  /** Blocks that some sequence holds. */
  get blocksInUse(): number {
    return this.#holders.length - this.#free.length;
  }

  /** @internal */
  store(layer: number): LayerStore {
    this.#layers[layer] ??= new LayerStore();
    return this.#layers[layer];
  }

  /** @internal */
  take(): number {
    const block = this.#free.pop() ?? this.#holders.length;
    this.#holders[block] = 1;
    return block;
  }

  /** @internal */
  hold(block: number): void {
    this.#holders[block]++;
  }

  /** @internal */
  release(block: number): void {
    if (--this.#holders[block] === 0) this.#free.push(block);
  }

  /** A block with what `block` holds, for the one who asks alone. @internal */
  own(block: number): number {
    if (this.#holders[block] === 1) return block;
    const copy = this.take();
    for (const layer of this.#layers) layer?.copy(block, copy);
    this.release(block);
    return copy;
  }
}

/** One sequence of a cache. */
export class CachedSequence {
  /** Tokens that are cached. */
  length = 0;
  #blocks: number[] = [];
  #isFree = false;

  constructor(readonly cache: KeyValueCache) {}

  /** The blocks that hold its tokens, in order. */
  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** Another sequence that begins with the same tokens. */
  fork(): CachedSequence {
    const twin = new CachedSequence(this.cache);
    twin.length = this.length;
    twin.#blocks = [...this.#blocks];
    for (const block of twin.#blocks) this.cache.hold(block);
    return twin;
  }

  /** Gives its memory back; it cannot be used any more. */
  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    for (const block of this.#blocks) this.cache.release(block);
    this.#blocks = [];
  }

  /** Makes room for `count` tokens behind those that are cached, for this sequence alone. @internal */
  reserve(count: number): void {
    if (this.#isFree) throw new Error('this cached sequence has been freed');
    const last = Math.floor(this.length / BLOCK_TOKENS);
    if (last < this.#blocks.length) this.#blocks[last] = this.cache.own(this.#blocks[last]);
    while (this.#blocks.length * BLOCK_TOKENS < this.length + count) this.#blocks.push(this.cache.take());
  }
}

/** One pass over sequences of which a part is cached. */
export class CachePass {
  /** The tokens that are not cached, which the pass computes. */
  readonly batch: Batch;
  /** `[sequences]`: tokens of each sequence that are cached already. */
  readonly pasts: Int32Array;
  /** The sequences' blocks, one list behind the other. */
  readonly blocks: Int32Array;
  /** `[sequences + 1]`: where the list of each sequence begins. */
  readonly starts: Int32Array;
  #isUsed = false;

  /**
   * @param whole the whole sequences, cached tokens included
   * @throws RangeError where a sequence has nothing new
   */
  constructor(
    readonly whole: Batch,
    private readonly sequences: readonly CachedSequence[],
  ) {
    const { offsets } = whole;
    if (sequences.length !== offsets.length - 1) {
      throw new RangeError(`${sequences.length} cached sequences do not fit ${offsets.length - 1}`);
    }
    this.pasts = Int32Array.from(sequences, ({ length }) => length);
    const counts = Array.from(this.pasts, (past, s) => offsets[s + 1] - offsets[s] - past);
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
    for (const [s, sequence] of sequences.entries()) sequence.reserve(counts[s]);
    this.blocks = Int32Array.from(sequences.flatMap(({ blocks }) => blocks));
    this.starts = runningSum(sequences.map(({ blocks }) => blocks.length));
  }

  /** Of one value a token of `whole`, those of the tokens in `batch`. */
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

  /** What the op `attention` of layer `index` (from 0) takes as `cache`. */
  layer(index: number): CachedLayer {
    this.#isUsed = true;
    return new CachedLayer(this, this.sequences[0].cache.store(index));
  }

  /** The pass is done: its tokens are cached, unless no layer made use of the cache. Then all are computed each time. */
  commit(): void {
    if (!this.#isUsed) return;
    const { offsets } = this.batch;
    for (const [s, sequence] of this.sequences.entries()) sequence.length += offsets[s + 1] - offsets[s];
  }
}

/** One layer's keys and values of the sequences of a pass. */
export class CachedLayer {
  constructor(
    readonly pass: CachePass,
    private readonly store: LayerStore,
  ) {}

  /** The memory of all blocks; block b is the one `b % SLAB_BLOCKS` of slab `b / SLAB_BLOCKS`; see LayerStore. */
  slabs(kvHeads: number, headDim: number): readonly Float32Array[] {
    const { blocks } = this.pass;
    return this.store.slabs(
      kvHeads,
      headDim,
      blocks.reduce((most, block) => Math.max(most, block), -1),
    );
  }

  /** Caches the new tokens' `k` and `v`, each `[tokens, kvHeads, headDim]`. */
  append(k: Float32Array, v: Float32Array, kvHeads: number, headDim: number): void {
    this.slabs(kvHeads, headDim);
    const { pasts, batch } = this.pass;
    const width = kvHeads * headDim;
    for (let s = 0; s < pasts.length; s++) {
      for (let token = batch.offsets[s]; token < batch.offsets[s + 1]; token++) {
        const { keys, values, slot } = this.#locate(s, pasts[s] + token - batch.offsets[s], width);
        for (let i = 0; i < width; i++) {
          keys[i * BLOCK_TOKENS + slot] = k[token * width + i];
          const head = Math.floor(i / headDim);
          values[(head * BLOCK_TOKENS + slot) * headDim + (i % headDim)] = v[token * width + i];
        }
      }
    }
  }

  /** The first `count` tokens of sequence `s`: keys and values, each `[count, kvHeads, headDim]`. */
  read(
    s: number,
    count: number,
    kvHeads: number,
    headDim: number,
  ): { keys: Float32Array; values: Float32Array } {
    const width = kvHeads * headDim;
    const result = { keys: new Float32Array(count * width), values: new Float32Array(count * width) };
    for (let token = 0; token < count; token++) {
      const { keys, values, slot } = this.#locate(s, token, width);
      for (let i = 0; i < width; i++) {
        result.keys[token * width + i] = keys[i * BLOCK_TOKENS + slot];
        const head = Math.floor(i / headDim);
        result.values[token * width + i] = values[(head * BLOCK_TOKENS + slot) * headDim + (i % headDim)];
      }
    }
    return result;
  }

  #locate(s: number, token: number, width: number) {
    const { blocks, starts } = this.pass;
    const block = blocks[starts[s] + Math.floor(token / BLOCK_TOKENS)];
    return { ...this.store.block(block, width), slot: token % BLOCK_TOKENS };
  }
}

/**
 * The blocks of one layer. In a block the keys stand first, `[kvHeads, headDim, BLOCK_TOKENS]`, so that the scores of
 * neighbouring tokens are computed side by side; then the values, `[kvHeads, BLOCK_TOKENS, headDim]`.
 */
class LayerStore {
  readonly #slabs: Float32Array[] = [];
  #width = 0;

  /** The slabs, grown so far that `block` has its place. */
  slabs(kvHeads: number, headDim: number, block: number): readonly Float32Array[] {
    const width = kvHeads * headDim;
    if (this.#width !== 0 && this.#width !== width) {
      throw new RangeError(`the cache has ${this.#width} numbers a token, but attention brings ${width}`);
    }
    this.#width = width;
    while (this.#slabs.length * SLAB_BLOCKS <= block) {
      this.#slabs.push(new Float32Array(allocate(SLAB_BLOCKS * BLOCK_TOKENS * 2 * width * 4, MEMORY_USE)));
    }
    return this.#slabs;
  }

  block(block: number, width: number): { keys: Float32Array; values: Float32Array } {
    const size = BLOCK_TOKENS * width;
    const slab = this.#slabs[Math.floor(block / SLAB_BLOCKS)];
    const at = (block % SLAB_BLOCKS) * 2 * size;
    return { keys: slab.subarray(at, at + size), values: slab.subarray(at + size, at + 2 * size) };
  }

  copy(from: number, to: number): void {
    this.slabs(1, this.#width, to);
    const [source, target] = [from, to].map((block) => this.block(block, this.#width));
    target.keys.set(source.keys);
    target.values.set(source.values);
  }
}

const MEMORY_USE: MemoryUse = {
  user: 'the key-value cache',
  advice: 'Ask for fewer new tokens or fewer beams, or store the weights smaller (quantizer: int8, or nf4).',
};

/** `[counts + 1]`: 0, and each count added to the sum of those before. */
function runningSum(counts: readonly number[]): Int32Array {
  const sums = new Int32Array(counts.length + 1);
  for (const [i, count] of counts.entries()) sums[i + 1] = sums[i] + count;
  return sums;
}
