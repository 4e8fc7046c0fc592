/**
 * The TensorFlow.js backend. A float32 tensor lies on the card, or in this process until a kernel of the card asks for it; all
 * others stay in this process. What the card has no kernel for is computed by TensorFlow.js's plain backend (fallback.ts).
 */

import { tf } from '../../../core/index.js';
import type { Pointer } from './addon.js';
import type { Driver } from './driver.js';
import type { DevicePool } from './memory.js';

/** What is in an array on the card, as src/gpu.hpp numbers it. */
export const F32 = 0;
export const BF16 = 1;
export type FloatType = typeof F32 | typeof BF16;

/** An array of numbers on the card. */
export interface DeviceArray {
  readonly pointer: Pointer;
  readonly type: FloatType;
  readonly bytes: number;
}

interface Entry {
  readonly dtype: tf.DataType;
  readonly size: number;
  refCount: number;
  onCard?: DeviceArray;
  inProcess?: tf.backend_util.BackendValues;
}

/** A tensor that a kernel fills. */
export interface Output {
  readonly info: tf.TensorInfo;
  readonly array: DeviceArray;
}

const BYTES: Readonly<Record<FloatType, number>> = { [F32]: 4, [BF16]: 2 };

export class CudaBackend extends tf.KernelBackend {
  readonly #data: tf.DataStorage<Entry>;
  #nextId = 0;
  readonly #constants = new WeakMap<Int32Array | Float32Array, Pointer>();
  readonly #unheld = new FinalizationRegistry<{ pointer: Pointer; bytes: number }>(({ pointer, bytes }) =>
    this.pool.give(pointer, bytes),
  );

  constructor(
    readonly driver: Driver,
    readonly pool: DevicePool,
  ) {
    super();
    this.#data = new tf.DataStorage(this, tf.engine());
  }

  /** A tensor's numbers on the card. They are brought there where they are not. */
  arrayOf(info: tf.TensorInfo): DeviceArray {
    const entry = this.#entry(info.dataId);
    if (info.dtype !== 'float32') {
      throw new TypeError(
        `a kernel of the card takes float32 tensors, but got ${info.dtype} [${info.shape}]`,
      );
    }
    if (!entry.onCard) {
      entry.onCard = this.#array(entry.size, F32);
      const { inProcess } = entry;
      const values =
        inProcess instanceof Float32Array
          ? inProcess
          : Float32Array.from(inProcess as unknown as ArrayLike<number>);
      this.driver.addon.upload(entry.onCard.pointer, values);
      entry.inProcess = undefined;
    }
    return entry.onCard;
  }

  /** The same in fp32, for kernels that take nothing else. The running tidy frees what is made. */
  float32Of(info: tf.TensorInfo): DeviceArray {
    const array = this.arrayOf(info);
    if (array.type === F32) return array;
    const whole = this.output(info.shape, F32);
    tf.engine().makeTensorFromTensorInfo(whole.info);
    const size = tf.util.sizeFromShape(info.shape);
    const { pointer } = whole.array;
    this.driver.kernel('convert').overElements(size, array.pointer, array.type, pointer, F32, size);
    return whole.array;
  }

  isOnCard(dataId: tf.DataId): boolean {
    return this.#entry(dataId).onCard !== undefined;
  }

  /** A new tensor, for a kernel to fill. */
  output(shape: number[], type: FloatType = F32): Output {
    const size = tf.util.sizeFromShape(shape);
    const array = this.#array(size, type);
    const info = this.#info(shape, { dtype: 'float32', size, refCount: 1, onCard: array });
    return { info, array };
  }

  /** Memory for the time of `use`, of which kernels that were launched may still make use after it. */
  withWorkspace<T>(bytes: number, use: (pointer: Pointer) => T): T {
    const pointer = this.pool.take(bytes, 'a workspace');
    try {
      return use(pointer);
    } finally {
      this.pool.give(pointer, bytes);
    }
  }

  /**
   * The numbers of an array that does not change any more, such as where the sequences of a batch begin: they are brought to the
   * card once, however many layers ask for them, and stay there as long as somebody holds the array. Null for none.
   */
  constant(array: Int32Array | Float32Array | undefined): Pointer | null {
    if (!array) return null;
    let pointer = this.#constants.get(array);
    if (pointer === undefined) {
      const bytes = Math.max(1, array.byteLength);
      pointer = this.pool.take(bytes, 'what is known of a batch');
      this.driver.addon.upload(pointer, array);
      this.#constants.set(array, pointer);
      this.#unheld.register(array, { pointer, bytes });
    }
    return pointer;
  }

  /** The numbers of an array in this process, on the card for the time of `use`. */
  withArray<T>(array: Int32Array | Float32Array, use: (pointer: Pointer) => T): T {
    return this.withWorkspace(array.byteLength, (pointer) => {
      this.driver.addon.upload(pointer, array);
      return use(pointer);
    });
  }

  /** The same data under another shape. */
  alias(info: tf.TensorInfo, shape: number[]): tf.TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape, dtype: info.dtype };
  }

  /** A tensor of values in this process. */
  keep(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.TensorInfo {
    return this.#info(shape, { dtype, size: values.length, refCount: 1, inProcess: values });
  }

  // ---- what TensorFlow.js asks of a backend

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    return this.keep(values, shape, dtype).dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    _shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.#data.set(dataId, { dtype, size: values.length, refCount, inProcess: values });
  }

  override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
    const entry = this.#entry(dataId);
    return entry.inProcess ?? this.#download(entry);
  }

  override async read(dataId: tf.DataId): Promise<tf.backend_util.BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.#data.has(dataId)) return true;
    const entry = this.#entry(dataId);
    if (!force && --entry.refCount > 0) return false;
    if (entry.onCard) this.pool.give(entry.onCard.pointer, entry.onCard.bytes);
    this.#data.delete(dataId);
    return true;
  }

  override refCount(dataId: tf.DataId): number {
    return this.#data.has(dataId) ? this.#entry(dataId).refCount : 0;
  }

  override incRef(dataId: tf.DataId): void {
    this.#entry(dataId).refCount++;
  }

  decRef(dataId: tf.DataId): void {
    if (this.#data.has(dataId)) this.#entry(dataId).refCount--;
  }

  override numDataIds(): number {
    return this.#data.numDataIds();
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override timerAvailable(): boolean {
    return false;
  }

  #entry(dataId: tf.DataId): Entry {
    return this.#data.get(dataId);
  }

  #info(shape: number[], entry: Entry): tf.TensorInfo {
    const dataId = { id: this.#nextId++ };
    this.#data.set(dataId, entry);
    return { dataId, shape, dtype: entry.dtype };
  }

  #array(size: number, type: FloatType): DeviceArray {
    const bytes = Math.max(1, size) * BYTES[type];
    return { pointer: this.pool.take(bytes), type, bytes };
  }

  #download({ onCard, size }: Entry): Float32Array {
    const { pointer, type } = onCard as DeviceArray;
    const values = new Float32Array(size);
    if (type === F32) {
      this.driver.addon.download(values, pointer);
    } else {
      const halves = new Uint16Array(size);
      this.driver.addon.download(halves, pointer);
      const bits = new Uint32Array(values.buffer);
      for (let i = 0; i < size; i++) bits[i] = halves[i] << 16;
    }
    return values;
  }
}
