/** The TensorFlow.js backend: tensors in this process's memory, computed by the addon's kernels. */

import cpu = require('@tensorflow/tfjs-backend-cpu');

import { tf } from '../../../core/index.js';
import type { Addon } from './addon.js';
import { ArrayPool } from './memory.js';

/** What is kept of a tensor's data. */
interface Entry {
  values: tf.backend_util.BackendValues;
  dtype: tf.DataType;
  refCount: number;
  /** The pool's, and so far read by this device's kernels alone. */
  pooled?: Float32Array;
}

/**
 * Extends TensorFlow.js's plain backend, whose kernels do what this device has none for. They read a tensor's values
 * through `data`, may keep a view of them, and so make the array theirs; this device's own use `read` and `output`,
 * and arrays that only they have seen go back to the pool.
 */
export class NativeBackend extends cpu.MathBackendCPU {
  readonly pool = new ArrayPool();

  constructor(readonly addon: Addon) {
    super();
    // Else tfjs advises to install tfjs-node; the line about the device says more.
    Object.assign(this, { firstUse: false });
    const storage = this.data;
    const get = storage.get.bind(storage);
    storage.get = (dataId: object) => {
      const entry = get(dataId) as unknown as Entry;
      this.#share(entry);
      return entry as never;
    };
    this.#peek = (dataId) => get(dataId) as unknown as Entry;
  }

  readonly #peek: (dataId: object) => Entry;

  #share(entry: Entry): void {
    if (entry.pooled) this.pool.forget(entry.pooled);
    entry.pooled = undefined;
  }

  /** A tensor's numbers, to be read and not kept. */
  floats(info: tf.TensorInfo): Float32Array {
    if (info.dtype !== 'float32') {
      throw new TypeError(`a native kernel takes float32 tensors, but got ${info.dtype} [${info.shape}]`);
    }
    const { values } = this.#peek(info.dataId);
    // What was cast to float32 keeps the data that it was cast from.
    return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
  }

  /** A new tensor and the array that a kernel has to fill. */
  output(shape: number[]): { info: tf.TensorInfo; values: Float32Array } {
    const values = this.pool.take(tf.util.sizeFromShape(shape));
    const info = this.makeTensorInfo(shape, 'float32', values);
    this.#peek(info.dataId).pooled = values;
    return { info, values };
  }

  /** The same data under another shape. */
  alias(info: tf.TensorInfo, shape: number[]): tf.TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape, dtype: info.dtype };
  }

  override refCount(dataId: object): number {
    return this.data.has(dataId) ? this.#peek(dataId).refCount : 0;
  }

  override incRef(dataId: object): void {
    this.#peek(dataId).refCount++;
  }

  override decRef(dataId: object): void {
    if (this.data.has(dataId)) this.#peek(dataId).refCount--;
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const entry = this.#peek(dataId);
    if (!force && entry.refCount > 1) {
      entry.refCount--;
      return false;
    }
    if (entry.pooled) this.pool.give(entry.pooled);
    entry.pooled = undefined;
    return super.disposeData(dataId, true);
  }
}
