/** Frozen weights on the card: taken there once, as they are stored. */

import { DenseWeight, type FrozenWeight, toFloat32 } from '../../../core/index.js';
import { storedInt8, storedNf4 } from '../kit/stored-weight.js';
import type { Pointer } from './addon.js';
import { BF16, F32, type FloatType } from './backend.js';
import type { Argument, Driver } from './driver.js';
import type { DevicePool } from './memory.js';

/** As src/gpu.hpp numbers them. */
const STORAGES: Readonly<Record<string, number>> = { f32: 0, bf16: 1, f16: 2, int8: 3, nf4: 4 };

/** The arrays of a stored weight, in the order of WEIGHT_PARAMETERS (src/kernels/weights.hpp). */
interface StoredParts {
  readonly storage: number;
  readonly data: ArrayBufferView;
  readonly scales?: ArrayBufferView | undefined;
  readonly scaleCodes?: ArrayBufferView | undefined;
  readonly codebook?: ArrayBufferView | undefined;
  readonly offset?: number | undefined;
}

/** A weight on the card. Nothing of it is left in this process. */
export class CardWeight implements FrozenWeight {
  readonly shape: FrozenWeight['shape'];
  readonly storage: string;
  readonly compute: FrozenWeight['compute'];
  /** What every kernel that reads a weight takes first. */
  readonly args: readonly Argument[];
  #blocks: { pointer: Pointer; bytes: number }[] | undefined = [];

  constructor(
    private readonly driver: Driver,
    private readonly pool: DevicePool,
    { shape, storage, compute }: FrozenWeight,
    parts: StoredParts,
  ) {
    this.shape = shape;
    this.storage = storage;
    this.compute = compute;
    const blocks = this.#blocks as { pointer: Pointer; bytes: number }[];
    const upload = (array: ArrayBufferView | undefined): Argument => {
      if (!array) return null;
      const pointer = pool.take(array.byteLength, `a frozen weight [${shape}]`);
      blocks.push({ pointer, bytes: array.byteLength });
      driver.addon.upload(pointer, array);
      return pointer;
    };
    try {
      const pointers = [parts.data, parts.scales, parts.scaleCodes, parts.codebook].map(upload);
      this.args = [parts.storage, ...shape, ...pointers, parts.offset ?? 0];
    } catch (error) {
      this.free();
      throw error;
    }
  }

  get byteLength(): number {
    return (this.#blocks ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  decode(start: number, end: number, target: Float32Array): void {
    if (!this.#blocks) throw new Error('the weight has been freed');
    const count = (end - start) * this.shape[1];
    const pointer = this.pool.take(count * 4, 'a decoded weight');
    const decodeWeight = this.driver.kernel('decodeWeight');
    decodeWeight.overElements(count, ...this.args, start, end - start, pointer, F32);
    this.driver.addon.download(target.subarray(0, count), pointer);
    this.pool.give(pointer, count * 4);
  }

  free(): void {
    for (const { pointer, bytes } of this.#blocks ?? []) this.pool.give(pointer, bytes);
    this.#blocks = undefined;
  }
}

/**
 * In which arithmetic products with `weight` are computed, where it does not say: fp32 for what is stored in f32 or f16, as the
 * native device does, else the tensor cores' bf16.
 */
export function computeType({ compute, storage }: FrozenWeight): FloatType {
  if (compute) return compute === 'fp32' ? F32 : BF16;
  return storage === 'f32' || storage === 'f16' ? F32 : BF16;
}

/** The weights that kernels were asked for and that no model has placed: they are taken to the card when they are first used. */
export class CardWeights {
  readonly #taken = new WeakMap<FrozenWeight, CardWeight>();
  /** Gives the memory of a weight back once nobody can ask for it any more. */
  readonly #collected = new FinalizationRegistry<CardWeight>((weight) => weight.free());

  constructor(
    private readonly driver: Driver,
    private readonly pool: DevicePool,
  ) {}

  /** A weight that is on the card, for its model. */
  place(weight: FrozenWeight): CardWeight {
    return weight instanceof CardWeight
      ? weight
      : new CardWeight(this.driver, this.pool, weight, partsOf(weight));
  }

  of(weight: FrozenWeight): CardWeight {
    if (weight instanceof CardWeight) return weight;
    let taken = this.#taken.get(weight);
    if (!taken) {
      taken = this.place(weight);
      this.#taken.set(weight, taken);
      this.#collected.register(weight, taken);
    }
    return taken;
  }
}

/** A weight that is stored as the kernels do not know goes to the card in fp32. */
function partsOf(weight: FrozenWeight): StoredParts {
  const storage = STORAGES[weight.storage];
  if (weight instanceof DenseWeight) return { storage, data: weight.bytes };
  const int8 = storedInt8(weight);
  if (int8) return { storage, data: int8.values, scales: int8.scales };
  const nf4 = storedNf4(weight);
  if (nf4) {
    const { codes: data, absmax, absmaxCodes: scaleCodes, absmaxMap: codebook, offset } = nf4;
    const scales = absmax ?? nf4.nestedAbsmax;
    return { storage, data, scales, offset, ...(absmax ? {} : { scaleCodes, codebook }) };
  }
  return { storage: STORAGES.f32, data: toFloat32(weight) };
}
