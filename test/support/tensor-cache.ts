/**
 * A key-value cache as a device with memory of its own might have it, as plain as can be: of every sequence and layer
 * one tensor of keys and one of values, made anew in each pass. Nothing is read back from the device.
 */

import * as tf from '@tensorflow/tfjs';
import {
  type Batch,
  type CachedLayer,
  type CachedSequence,
  type CachePass,
  type KeyValueCache,
  UncachedTokens,
} from '../../core/index.js';

type Held = readonly [keys: tf.Tensor3D, values: tf.Tensor3D];

export class TensorCache implements KeyValueCache {
  begin(): TensorSequence {
    return new TensorSequence(this);
  }

  pass(whole: Batch, sequences: readonly CachedSequence[]): CachePass {
    const own = sequences.map((sequence) => {
      if (!(sequence instanceof TensorSequence) || sequence.cache !== this) {
        throw new RangeError('a sequence of another cache');
      }
      sequence.checkInUse();
      return sequence;
    });
    return new TensorPass(whole, own);
  }
}

class TensorSequence implements CachedSequence {
  length = 0;
  /** By layer. */
  held: Held[] = [];
  /** What a pass has computed that is not committed. */
  pending: Held[] = [];
  #isFree = false;

  constructor(readonly cache: TensorCache) {}

  fork(): TensorSequence {
    this.checkInUse();
    const twin = new TensorSequence(this.cache);
    twin.length = this.length;
    twin.held = this.held.map(([keys, values]) => [tf.keep(keys.clone()), tf.keep(values.clone())]);
    return twin;
  }

  free(): void {
    tf.dispose([this.held, this.pending] as unknown as tf.TensorContainer);
    Object.assign(this, { held: [], pending: [] });
    this.#isFree = true;
  }

  extend(layer: number, k: tf.Tensor3D, v: tf.Tensor3D): Held {
    const before = this.held[layer];
    const join = (i: 0 | 1, x: tf.Tensor3D) => tf.keep(before ? tf.concat([before[i], x]) : x.clone());
    const all: Held = [join(0, k), join(1, v)];
    tf.dispose(this.pending[layer] as unknown as tf.TensorContainer);
    this.pending[layer] = all;
    return all;
  }

  commit(count: number): void {
    if (this.pending.length === 0) return;
    tf.dispose(this.held as unknown as tf.TensorContainer);
    Object.assign(this, { held: this.pending, pending: [], length: this.length + count });
  }

  checkInUse(): void {
    if (this.#isFree) throw new Error('this cached sequence has been freed');
  }
}

class TensorPass extends UncachedTokens implements CachePass {
  constructor(
    whole: Batch,
    private readonly sequences: readonly TensorSequence[],
  ) {
    super(
      whole,
      Int32Array.from(sequences, ({ length }) => length),
    );
  }

  layer(index: number): CachedLayer {
    const { pasts, sequences } = this;
    const { offsets } = this.batch;
    const extend = (k: tf.Tensor3D, v: tf.Tensor3D) =>
      sequences.map((sequence, s) => {
        const part = (x: tf.Tensor3D) => tf.slice(x, offsets[s], offsets[s + 1] - offsets[s]);
        return sequence.extend(index, part(k), part(v));
      });
    return { pasts, offsets, extend };
  }

  commit(): void {
    const { offsets } = this.batch;
    for (const [s, sequence] of this.sequences.entries()) sequence.commit(offsets[s + 1] - offsets[s]);
  }
}
