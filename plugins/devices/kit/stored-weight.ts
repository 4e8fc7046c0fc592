/** What devices read of the weights that the built-in quantizers make: their arrays, as they are stored. */

import type { FrozenWeight } from '../../../core/index.js';

/** Row by row: number j of row i is `values[i, j] · scales[i]`. */
export interface StoredInt8 {
  /** `[rows, columns]` */
  readonly values: Int8Array;
  /** `[rows]` */
  readonly scales: Float32Array;
}

/** In blocks across rows: a number is `codeValues[code]` times its block's absmax (plugins/quantizers/nf4/). */
export interface StoredNf4 {
  /** `[rows · columns / 2, rounded up]`: two codes a byte, the first in the high half. */
  readonly codes: Uint8Array;
  /** `[16]` */
  readonly codeValues: Float32Array;
  /** `[blocks]`; or, where these were quantized in their turn, the next four: blockScales() multiplies them out. */
  readonly absmax?: Float32Array;
  readonly absmaxCodes?: Uint8Array;
  readonly nestedAbsmax?: Float32Array;
  readonly absmaxMap?: Float32Array;
  readonly offset?: number;
  blockScales(): Float32Array;
}

/** Numbers of nf4 that share an absmax. */
export const NF4_BLOCK = 64;

/** Undefined for a weight of another storage, and for a third party's that bears this name and is made otherwise. */
export function storedInt8(weight: FrozenWeight): StoredInt8 | undefined {
  const { values, scales } = weight as FrozenWeight & Partial<StoredInt8>;
  const fits = weight.storage === 'int8' && values instanceof Int8Array && scales?.length === weight.shape[0];
  return fits ? (weight as FrozenWeight & StoredInt8) : undefined;
}

/** As `storedInt8`. */
export function storedNf4(weight: FrozenWeight): StoredNf4 | undefined {
  const { codes, codeValues, absmax, absmaxCodes } = weight as FrozenWeight & Partial<StoredNf4>;
  const blocks = Math.ceil((weight.shape[0] * weight.shape[1]) / NF4_BLOCK);
  const fits = weight.storage === 'nf4' && codes && codeValues && (absmax ?? absmaxCodes)?.length === blocks;
  return fits ? (weight as FrozenWeight & StoredNf4) : undefined;
}
