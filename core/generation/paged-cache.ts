/**
 * The key-value cache. Memory is given out in blocks of tokens, and several sequences
 * may hold the same block (PagedAttention, arXiv 2309.06180): nothing is moved when a sequence grows, and a fork costs a list
 * of numbers. Only a last block that is not full is copied before one of its holders writes to it.
 */

import type { Batch } from '../contracts/batch.js';
import type { CachedSequence, CachePass, KeyValueCache } from '../contracts/cache.js';
import type { CachedLayer } from '../ops/cached-layer.js';
import { BLOCK_TOKENS, type BlockTable, LayerStore } from './paged-layer.js';
import { runningSum, UncachedTokens } from './uncached-tokens.js';

/** Where the blocks of one layer lie. */
export interface BlockStore {
  /** The layer's part of the cache, for one pass. */
  layer(table: BlockTable): CachedLayer;
  /** Copies a block. There may be none yet. */
  copy(from: number, to: number): void;
}

export class PagedCache implements KeyValueCache {
  readonly #layers: BlockStore[] = [];
  /** How many sequences hold each block. */
  readonly #holders: number[] = [];
  readonly #free: number[] = [];

  /** @param makeStore makes room for a layer; a device may have it in memory of its own */
  constructor(private readonly makeStore: () => BlockStore = () => new LayerStore()) {}

  begin(): PagedSequence {
    return new PagedSequence(this);
  }

  pass(whole: Batch, sequences: readonly CachedSequence[]): PagedPass {
    return new PagedPass(
      this,
      whole,
      sequences.map((sequence) => this.#own(sequence)),
    );
  }

  /** Blocks that some sequence holds. */
  get blocksInUse(): number {
    return this.#holders.length - this.#free.length;
  }

  /** @internal */
  store(layer: number): BlockStore {
    this.#layers[layer] ??= this.makeStore();
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

  /** A copy of `block`, for the caller alone. @internal */
  unshare(block: number): number {
    if (this.#holders[block] === 1) return block;
    const copy = this.take();
    for (const layer of this.#layers) layer?.copy(block, copy);
    this.release(block);
    return copy;
  }

  #own(sequence: CachedSequence): PagedSequence {
    if (sequence instanceof PagedSequence && sequence.cache === this) return sequence;
    throw new RangeError('a sequence of another cache');
  }
}

/** One sequence of a paged cache. */
export class PagedSequence implements CachedSequence {
  #length = 0;
  #blocks: number[] = [];
  #isFree = false;

  constructor(readonly cache: PagedCache) {}

  get length(): number {
    return this.#length;
  }

  /** The blocks that hold its tokens, in order. */
  get blocks(): readonly number[] {
    return this.#blocks;
  }

  fork(): PagedSequence {
    this.#checkInUse();
    const twin = new PagedSequence(this.cache);
    twin.#length = this.#length;
    // Blocks that a pass reserved and did not fill are not shared: both would write to them.
    twin.#blocks = this.#blocks.slice(0, Math.ceil(this.#length / BLOCK_TOKENS));
    for (const block of twin.#blocks) this.cache.hold(block);
    return twin;
  }

  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    for (const block of this.#blocks) this.cache.release(block);
    this.#blocks = [];
  }

  /** Makes room for `count` tokens behind those that are cached, for this sequence alone. @internal */
  reserve(count: number): void {
    this.#checkInUse();
    const last = Math.floor(this.#length / BLOCK_TOKENS);
    if (last < this.#blocks.length) this.#blocks[last] = this.cache.unshare(this.#blocks[last]);
    while (this.#blocks.length * BLOCK_TOKENS < this.#length + count) this.#blocks.push(this.cache.take());
  }

  /** `count` tokens more are cached. @internal */
  grow(count: number): void {
    this.#length += count;
  }

  #checkInUse(): void {
    if (this.#isFree) throw new Error('this cached sequence has been freed');
  }
}

/** One pass over sequences of a paged cache. */
export class PagedPass extends UncachedTokens implements CachePass {
  readonly #table: BlockTable;
  #isUsed = false;

  constructor(
    private readonly cache: PagedCache,
    whole: Batch,
    private readonly sequences: readonly PagedSequence[],
  ) {
    super(
      whole,
      Int32Array.from(sequences, ({ length }) => length),
    );
    const { offsets } = this.batch;
    for (const [s, sequence] of sequences.entries()) sequence.reserve(offsets[s + 1] - offsets[s]);
    this.#table = {
      pasts: this.pasts,
      offsets,
      blocks: Int32Array.from(sequences.flatMap(({ blocks }) => blocks)),
      starts: runningSum(sequences.map(({ blocks }) => blocks.length)),
    };
  }

  layer(index: number): CachedLayer {
    this.#isUsed = true;
    return this.cache.store(index).layer(this.#table);
  }

  commit(): void {
    if (!this.#isUsed) return;
    const { offsets } = this.batch;
    for (const [s, sequence] of this.sequences.entries()) sequence.grow(offsets[s + 1] - offsets[s]);
  }
}
