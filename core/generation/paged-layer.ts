/** One layer's keys and values in blocks of tokens, in the machine's memory. */

import { allocate, type MemoryUse } from '../base/memory.js';
import { tf } from '../base/tf.js';
import type { CachedLayer } from '../ops/cached-layer.js';

/** How many tokens a block has. The kernels know it too. */
export const BLOCK_TOKENS = 32;
/** How many blocks are allocated at once. The system gives memory only to those that are written. */
export const SLAB_BLOCKS = 16;

/** The sequences of a pass and their blocks. */
export interface BlockTable extends Pick<CachedLayer, 'pasts' | 'offsets'> {
  /** The sequences' blocks, one list behind the other. */
  readonly blocks: Int32Array;
  /** `[sequences + 1]`: where the list of each sequence begins. */
  readonly starts: Int32Array;
}

/** One layer's keys and values of the sequences of a pass. */
export class PagedLayer implements CachedLayer, BlockTable {
  readonly pasts: Int32Array;
  readonly offsets: Int32Array;
  readonly blocks: Int32Array;
  readonly starts: Int32Array;

  constructor(
    table: BlockTable,
    private readonly store: LayerStore,
  ) {
    ({ pasts: this.pasts, offsets: this.offsets, blocks: this.blocks, starts: this.starts } = table);
  }

  /** The memory of all blocks; block b is the one `b % SLAB_BLOCKS` of slab `b / SLAB_BLOCKS`; see LayerStore. */
  slabs(kvHeads: number, headDim: number): readonly Float32Array[] {
    const last = this.blocks.reduce((most, block) => Math.max(most, block), -1);
    return this.store.slabs(kvHeads, headDim, last);
  }

  extend(k: tf.Tensor3D, v: tf.Tensor3D): [tf.Tensor3D, tf.Tensor3D][] {
    const [, kvHeads, headDim] = k.shape;
    const [newKeys, newValues] = [k, v].map((x) => x.dataSync() as Float32Array);
    this.append(newKeys, newValues, kvHeads, headDim);
    return Array.from(this.pasts, (past, s) => {
      const count = past + this.offsets[s + 1] - this.offsets[s];
      const { keys, values } = this.read(s, count, kvHeads, headDim);
      const shape: [number, number, number] = [count, kvHeads, headDim];
      return [tf.tensor3d(keys, shape), tf.tensor3d(values, shape)];
    });
  }

  /** Caches the new tokens' `k` and `v`, each `[tokens, kvHeads, headDim]`. */
  append(k: Float32Array, v: Float32Array, kvHeads: number, headDim: number): void {
    this.slabs(kvHeads, headDim);
    const { pasts, offsets } = this;
    const width = kvHeads * headDim;
    for (let s = 0; s < pasts.length; s++) {
      for (let token = offsets[s]; token < offsets[s + 1]; token++) {
        const { keys, values, slot } = this.#locate(s, pasts[s] + token - offsets[s], width);
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
    const block = this.blocks[this.starts[s] + Math.floor(token / BLOCK_TOKENS)];
    return { ...this.store.block(block, width), slot: token % BLOCK_TOKENS };
  }
}

/**
 * The blocks of one layer. In a block the keys stand first, `[kvHeads, headDim, BLOCK_TOKENS]`, so that the scores of
 * neighbouring tokens are computed side by side; then the values, `[kvHeads, BLOCK_TOKENS, headDim]`.
 */
export class LayerStore {
  readonly #slabs: Float32Array[] = [];
  #width = 0;

  layer(table: BlockTable): PagedLayer {
    return new PagedLayer(table, this);
  }

  /** The slabs, grown so that `block` has its place. */
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
    // Of a layer that has cached nothing yet, the width is not known.
    if (this.#width === 0) return;
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
