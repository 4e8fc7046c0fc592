import type { ComputeType, FrozenWeight } from '../../../core/index.js';
import { DYNAMIC_MAP, NF4_VALUES } from './tables.js';

/** Numbers that share an absmax, in row-major order: the end of a row ends no block. */
export const BLOCK = 64;
/** Absmax that share a nested absmax. */
export const NESTED_BLOCK = 256;

/** The absmax of the blocks, as they are. */
export interface PlainAbsmax {
  /** `[blocks]` */
  readonly absmax: Float32Array;
}

/** The absmax of the blocks, quantized in their turn ("double quantization"). */
export interface QuantizedAbsmax {
  /** `[blocks]`, indices into DYNAMIC_MAP. */
  readonly absmaxCodes: Uint8Array;
  /** `[blocks / 256, rounded up]` */
  readonly nestedAbsmax: Float32Array;
  /** The mean of the absmax, which was taken off before they were quantized. */
  readonly offset: number;
}

/**
 * A frozen weight in half a byte a number: number i is `absmax[⌊i / 64⌋] · NF4_VALUES[code i]`. Where there is no
 * `absmax`, that of block b is `DYNAMIC_MAP[absmaxCodes[b]] · nestedAbsmax[⌊b / 256⌋] + offset`, each operation rounded
 * to fp32. Source: QLoRA (arXiv 2305.14314); as bitsandbytes stores it.
 */
export class Nf4Weight implements FrozenWeight {
  readonly storage = 'nf4';
  /** What `codes` stand for, `[16]`. */
  readonly codeValues = NF4_VALUES;
  /** What absmaxCodes index. */
  readonly absmaxMap = DYNAMIC_MAP;
  readonly absmax?: Float32Array;
  readonly absmaxCodes?: Uint8Array;
  readonly nestedAbsmax?: Float32Array;
  readonly offset?: number;

  constructor(
    readonly shape: readonly [number, number],
    /** `[rows · columns / 2, rounded up]`: two codes a byte, the first in the high half. */
    readonly codes: Uint8Array,
    scales: PlainAbsmax | QuantizedAbsmax,
    readonly compute?: ComputeType,
  ) {
    if ('absmax' in scales) this.absmax = scales.absmax;
    else ({ absmaxCodes: this.absmaxCodes, nestedAbsmax: this.nestedAbsmax, offset: this.offset } = scales);
  }

  get byteLength(): number {
    const { absmax, absmaxCodes, nestedAbsmax } = this;
    const offset = Float32Array.BYTES_PER_ELEMENT;
    const ofScales = absmax ? absmax.byteLength : absmaxCodes!.byteLength + nestedAbsmax!.byteLength + offset;
    return this.codes.byteLength + ofScales;
  }

  decode(start: number, end: number, target: Float32Array): void {
    const { codes } = this;
    const columns = this.shape[1];
    const stop = end * columns;
    for (let at = start * columns, to = 0; at < stop; ) {
      const block = Math.floor(at / BLOCK);
      const scale = this.#absmaxOf(block);
      const blockStop = Math.min(stop, (block + 1) * BLOCK);
      // Where a row has an odd number of columns, what is to be decoded may begin or end within a byte.
      if (at % 2 === 1) {
        target[to++] = NF4_VALUES[codes[(at - 1) / 2] & 15] * scale;
        at++;
      }
      let byte = at / 2;
      for (; at + 1 < blockStop; at += 2, to += 2) {
        const pair = codes[byte++];
        target[to] = NF4_VALUES[pair >> 4] * scale;
        target[to + 1] = NF4_VALUES[pair & 15] * scale;
      }
      if (at < blockStop) {
        target[to++] = NF4_VALUES[codes[byte] >> 4] * scale;
        at++;
      }
    }
  }

  /** `[blocks]`: the absmax of each. */
  blockScales(): Float32Array {
    const blocks = Math.ceil((this.shape[0] * this.shape[1]) / BLOCK);
    return this.absmax ?? Float32Array.from({ length: blocks }, (_, block) => this.#absmaxOf(block));
  }

  #absmaxOf(block: number): number {
    if (this.absmax) return this.absmax[block];
    const nested = this.nestedAbsmax![Math.floor(block / NESTED_BLOCK)];
    return Math.fround(Math.fround(DYNAMIC_MAP[this.absmaxCodes![block]] * nested) + this.offset!);
  }
}
