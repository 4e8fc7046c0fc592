/** The key-value cache on the card: the blocks of each layer lie there. src/kernels/cached-attention.hpp says how. */

import {
  BLOCK_TOKENS,
  type BlockStore,
  type BlockTable,
  type CachedLayer,
  SLAB_BLOCKS,
  tf,
} from '../../../core/index.js';
import type { Pointer } from './addon.js';
import { type CudaBackend, F32, type FloatType } from './backend.js';
import type { Argument } from './driver.js';
import type { DevicePool } from './memory.js';

/** What a layer caches of a token, and in which type. */
export interface CachedNumbers {
  readonly kvHeads: number;
  readonly headDim: number;
  readonly type: FloatType;
}

/** Memory of several blocks. It goes back to the pool when nobody holds the layer any more. */
interface Slabs {
  readonly pool: DevicePool;
  readonly pointers: Pointer[];
  bytes: number;
}

const unheld = new FinalizationRegistry<Slabs>(({ pool, pointers, bytes }) => {
  for (const pointer of pointers) pool.give(pointer, bytes);
});

/** The blocks of one layer. */
export class CardLayerStore implements BlockStore {
  readonly #slabs: Slabs;
  #table = new Int32Array(0);

  constructor(private readonly backend: CudaBackend) {
    this.#slabs = { pool: backend.pool, pointers: [], bytes: 0 };
    unheld.register(this, this.#slabs);
  }

  layer(table: BlockTable): CardLayer {
    return new CardLayer(table, this, this.backend);
  }

  copy(from: number, to: number): void {
    // Of a layer that has cached nothing yet, the size of a block is not known.
    if (this.#slabs.bytes === 0) return;
    this.#grow(to);
    const bytes = this.#slabs.bytes / SLAB_BLOCKS;
    const [source, target] = [from, to].map(
      (block) => this.#slabs.pointers[Math.floor(block / SLAB_BLOCKS)] + (block % SLAB_BLOCKS) * bytes,
    );
    this.backend.driver.addon.copy(target, source, bytes);
  }

  /** The pointers of the slabs as numbers of 64 bits, grown so that `block` has its place. */
  slabs({ kvHeads, headDim, type }: CachedNumbers, block: number): Int32Array {
    const bytes = SLAB_BLOCKS * BLOCK_TOKENS * 2 * kvHeads * headDim * (type === F32 ? 4 : 2);
    if (this.#slabs.bytes !== 0 && this.#slabs.bytes !== bytes) {
      throw new RangeError(
        `the cache has slabs of ${this.#slabs.bytes} bytes, but attention brings what takes ${bytes}`,
      );
    }
    this.#slabs.bytes = bytes;
    this.#grow(block);
    return this.#table;
  }

  #grow(block: number): void {
    const { pool, pointers, bytes } = this.#slabs;
    if (pointers.length * SLAB_BLOCKS > block) return;
    while (pointers.length * SLAB_BLOCKS <= block) pointers.push(pool.take(bytes, 'the key-value cache'));
    // A new array: the card is told of each once.
    this.#table = Int32Array.from(pointers.flatMap((pointer) => [pointer | 0, pointer / 2 ** 32]));
  }
}

/** One layer's part of the cache, for a pass. */
export class CardLayer implements CachedLayer {
  readonly pasts: Int32Array;
  readonly offsets: Int32Array;

  constructor(
    private readonly table: BlockTable,
    private readonly store: CardLayerStore,
    private readonly backend: CudaBackend,
  ) {
    ({ pasts: this.pasts, offsets: this.offsets } = table);
  }

  /**
   * Caches the new tokens' `k` and `v`, each `[tokens, kvHeads, headDim]`, and calls `use` with what every kernel that reads the
   * cache takes last.
   */
  append(
    k: tf.TensorInfo,
    v: tf.TensorInfo,
    type: FloatType,
    use: (last: readonly Argument[]) => void,
  ): void {
    const [, kvHeads, headDim] = k.shape;
    const { blocks, starts, pasts, offsets } = this.table;
    const last = blocks.reduce((most, block) => Math.max(most, block), -1);
    const slabs = this.store.slabs({ kvHeads, headDim, type }, last);
    const lists = [slabs, pasts, offsets, sequencesOf(offsets), blocks, starts];
    const [table, ...others] = lists.map((list) => this.backend.constant(list));
    const all = [table, type, ...others, kvHeads, headDim];
    const [keys, values] = [k, v].map((x) => this.backend.arrayOf(x));
    const count = tf.util.sizeFromShape(k.shape);
    const appendToCache = this.backend.driver.kernel('appendToCache');
    appendToCache.overElements(count, keys.pointer, keys.type, values.pointer, values.type, count, ...all);
    use(all);
  }

  extend(k: tf.Tensor3D, v: tf.Tensor3D): [tf.Tensor3D, tf.Tensor3D][] {
    const [, kvHeads, headDim] = k.shape;
    const results: [tf.Tensor3D, tf.Tensor3D][] = [];
    this.append(k, v, F32, (last) => {
      for (const [s, past] of this.pasts.entries()) {
        const shape = [past + this.offsets[s + 1] - this.offsets[s], kvHeads, headDim];
        const [keys, values] = [shape, shape].map((each) => this.backend.output(each));
        const count = tf.util.sizeFromShape(shape);
        const readFromCache = this.backend.driver.kernel('readFromCache');
        readFromCache.overElements(count, keys.array.pointer, values.array.pointer, s, count, ...last);
        const [a, b] = [keys, values].map(({ info }) => tf.engine().makeTensorFromTensorInfo(info));
        results.push([a as tf.Tensor3D, b as tf.Tensor3D]);
      }
    });
    return results;
  }
}

const sequencesByOffsets = new WeakMap<Int32Array, Int32Array>();

/** `[tokens]`: the sequence of each. Made once for each `offsets`, which all layers share. */
function sequencesOf(offsets: Int32Array): Int32Array {
  let sequences = sequencesByOffsets.get(offsets);
  if (!sequences) {
    sequences = new Int32Array(offsets[offsets.length - 1]);
    for (let s = 0; s + 1 < offsets.length; s++) sequences.fill(s, offsets[s], offsets[s + 1]);
    sequencesByOffsets.set(offsets, sequences);
  }
  return sequences;
}
