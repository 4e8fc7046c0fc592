/** Frozen weights as the addon's kernels take them. */

import { DenseWeight, type FrozenWeight, toFloat32 } from '../../../core/index.js';
import { storedInt8, storedNf4 } from '../kit/stored-weight.js';
import type { Addon, WeightHandle } from './addon.js';

/** In the order of Storage and Compute in src/kernels.hpp. */
const STORAGES = ['f32', 'bf16', 'f16', 'int8', 'nf4'];
export const COMPUTES = ['fp32', 'bf16', 'int8'] as const;
export type Compute = (typeof COMPUTES)[number];

/** In which arithmetic products are computed where the weight does not say. */
const DEFAULTS: Readonly<Record<string, Compute>> = { bf16: 'bf16', int8: 'int8', nf4: 'bf16' };

/** The arithmetic of products with `weight`, as the kernels number it. */
export function computeOf(weight: FrozenWeight): number {
  return COMPUTES.indexOf(weight.compute ?? DEFAULTS[weight.storage] ?? 'fp32');
}

export class PlacedWeights {
  /** The arrays live as long as their weight does, and the handle no longer. */
  readonly #handles = new WeakMap<FrozenWeight, WeightHandle>();
  /** What was decoded for a handle, and must live as long as that. */
  readonly #decoded = new WeakMap<WeightHandle, Uint8Array>();

  constructor(private readonly addon: Addon) {}

  /** Makes a weight ready before it is first used, where the kernels know its storage. */
  place(weight: FrozenWeight): void {
    const handle = this.#handles.get(weight) ?? this.#make(weight);
    if (handle) this.#handles.set(weight, handle);
  }

  /** A weight that is stored as the kernels do not know is decoded, for each use anew. */
  of(weight: FrozenWeight): WeightHandle {
    const known = this.#handles.get(weight) ?? this.#make(weight);
    if (known) {
      this.#handles.set(weight, known);
      return known;
    }
    const [rows, columns] = weight.shape;
    const bytes = new Uint8Array(toFloat32(weight).buffer);
    const handle = this.addon.makeWeight(0, rows, columns, bytes, null, null, null, null, 0);
    this.#decoded.set(handle, bytes);
    return handle;
  }

  /** Undefined for a weight of a third party's, which may bear a known storage's name and be made otherwise. */
  #make(weight: FrozenWeight): WeightHandle | undefined {
    const [rows, columns] = weight.shape;
    const storage = STORAGES.indexOf(weight.storage);
    const make = (data: Uint8Array, scales: Float32Array | null = null) =>
      this.addon.makeWeight(storage, rows, columns, data, scales, null, null, null, 0);
    if (weight instanceof DenseWeight) return make(weight.bytes);
    const int8 = storedInt8(weight);
    if (int8)
      return make(
        new Uint8Array(int8.values.buffer, int8.values.byteOffset, int8.values.byteLength),
        int8.scales,
      );
    const nf4 = storedNf4(weight);
    if (nf4) {
      const {
        codes,
        absmax = null,
        absmaxCodes = null,
        nestedAbsmax = null,
        absmaxMap = null,
        offset = 0,
      } = nf4;
      return this.addon.makeWeight(
        storage,
        rows,
        columns,
        codes,
        absmax,
        absmaxCodes,
        nestedAbsmax,
        absmaxMap,
        offset,
      );
    }
    return undefined;
  }
}
