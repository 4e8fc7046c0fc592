/**
 * The types in which GGUF keeps numbers: plain ones, and blocks of small integers that share scales. Source of the
 * layouts: ggml, ggml-common.h; held to the Python package gguf bit by bit.
 */

import { type DenseType, decodeFloats } from '../../../core/index.js';
import { PLAIN_TYPES, type PlainType } from '../kit/plain-type.js';

export interface StoredType {
  /** ggml's. */
  readonly number: number;
  readonly name: string;
  /** What its numbers are read as. */
  readonly type: DenseType;
  /** Numbers in a block, and its bytes; of a plain type a block is one number. */
  readonly length: number;
  readonly bytes: number;
  readonly plain?: PlainType;
  /** Writes the numbers of the block that begins at `bytes[at]` to `target[to]` and on. Plain types have none. */
  readonly decode?: (bytes: Uint8Array, at: number, target: Float32Array, to: number) => void;
}

const TYPES: readonly StoredType[] = [
  plain(0, 'F32', 'f32'),
  plain(1, 'F16', 'f16'),
  plain(30, 'BF16', 'bf16'),
  plain(28, 'F64', 'f64'),
  blocks(2, 'Q4_0', 32, 18, decodeQ4),
  blocks(3, 'Q4_1', 32, 20, decodeQ4WithMinimum),
  blocks(6, 'Q5_0', 32, 22, decodeQ5),
  blocks(7, 'Q5_1', 32, 24, decodeQ5WithMinimum),
  blocks(8, 'Q8_0', 32, 34, decodeQ8),
  blocks(12, 'Q4_K', 256, 144, decodeQ4K),
  blocks(13, 'Q5_K', 256, 176, decodeQ5K),
  blocks(14, 'Q6_K', 256, 210, decodeQ6K),
];

/** By their number. */
export const STORED_TYPES: ReadonlyMap<number, StoredType> = new Map(
  TYPES.map((type) => [type.number, type]),
);

/** Types that are not known here, by ggml's number. */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  10: 'Q2_K',
  11: 'Q3_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

/** What ggml calls the type of this number, for messages. */
export function typeName(number: number): string {
  return STORED_TYPES.get(number)?.name ?? OTHER_TYPES[number] ?? `number ${number}`;
}

function plain(number: number, name: string, type: keyof typeof PLAIN_TYPES): StoredType {
  return { number, name, plain: PLAIN_TYPES[type], ...PLAIN_TYPES[type], length: 1 };
}

/**
 * Blocks are read as f16, since their scales are f16: that is exact below 2^-14 in magnitude, and above it off by at
 * most 2^-11, far less than a step of the integers. It costs two bytes a number, as an unquantized checkpoint does.
 */
function blocks(
  number: number,
  name: string,
  length: number,
  bytes: number,
  decode: StoredType['decode'],
): StoredType {
  return { number, name, type: 'f16', length, bytes, decode };
}

/** Every f16 as a number. */
const HALVES = new Float32Array(2 ** 16);
decodeFloats('f16', new Uint8Array(Uint16Array.from(HALVES, (_, i) => i).buffer), HALVES);

function half(bytes: Uint8Array, at: number): number {
  return HALVES[bytes[at] | (bytes[at + 1] << 8)];
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/** scale, 16 bytes: the low halves are the first 16 numbers, the high halves the others */
function decodeQ4(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  const scale = half(bytes, at);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i];
    target[to + i] = scale * ((pair & 15) - 8);
    target[to + 16 + i] = scale * ((pair >> 4) - 8);
  }
}

/** scale, minimum, 16 bytes */
function decodeQ4WithMinimum(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  const scale = half(bytes, at);
  const minimum = half(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i];
    target[to + i] = scale * (pair & 15) + minimum;
    target[to + 16 + i] = scale * (pair >> 4) + minimum;
  }
}

/** scale, 32 fifth bits, 16 bytes */
function decodeQ5(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  const scale = half(bytes, at);
  const fifth = word(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 6 + i];
    target[to + i] = scale * (((pair & 15) | (((fifth >>> i) & 1) << 4)) - 16);
    target[to + 16 + i] = scale * (((pair >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) - 16);
  }
}

/** scale, minimum, 32 fifth bits, 16 bytes */
function decodeQ5WithMinimum(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  const scale = half(bytes, at);
  const minimum = half(bytes, at + 2);
  const fifth = word(bytes, at + 4);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 8 + i];
    target[to + i] = scale * ((pair & 15) | (((fifth >>> i) & 1) << 4)) + minimum;
    target[to + 16 + i] = scale * ((pair >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) + minimum;
  }
}

/** scale, 32 signed bytes */
function decodeQ8(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  const scale = half(bytes, at);
  for (let i = 0; i < 32; i++) target[to + i] = scale * signed(bytes[at + 2 + i]);
}

/** scale of scales, scale of minimums, 8 six-bit scales and minimums in 12 bytes, 128 bytes */
function decodeQ4K(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  for (let group = 0; group < 8; group++) {
    const scale = half(bytes, at) * sixBitScale(bytes, at + 4, group);
    const minimum = half(bytes, at + 2) * sixBitMinimum(bytes, at + 4, group);
    const pairs = at + 16 + 32 * (group >> 1);
    const shift = 4 * (group & 1);
    for (let i = 0; i < 32; i++)
      target[to + 32 * group + i] = scale * ((bytes[pairs + i] >> shift) & 15) - minimum;
  }
}

/** as Q4_K, with 32 bytes of fifth bits before the last 128 */
function decodeQ5K(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  for (let group = 0; group < 8; group++) {
    const scale = half(bytes, at) * sixBitScale(bytes, at + 4, group);
    const minimum = half(bytes, at + 2) * sixBitMinimum(bytes, at + 4, group);
    const pairs = at + 48 + 32 * (group >> 1);
    const shift = 4 * (group & 1);
    for (let i = 0; i < 32; i++) {
      const fifth = (bytes[at + 16 + i] >> group) & 1;
      target[to + 32 * group + i] = scale * (((bytes[pairs + i] >> shift) & 15) | (fifth << 4)) - minimum;
    }
  }
}

/** The four low bits of the first four lie in the low bits of their own byte, of the others apart. */
function sixBitScale(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + group] & 63;
  return (bytes[at + group + 4] & 15) | ((bytes[at + group - 4] >> 2) & 48);
}

function sixBitMinimum(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + group + 4] & 63;
  return (bytes[at + group + 4] >> 4) | ((bytes[at + group] >> 2) & 48);
}

/** 128 bytes of low halves, 64 bytes of fifth and sixth bits, 16 signed scales, scale of scales */
function decodeQ6K(bytes: Uint8Array, at: number, target: Float32Array, to: number): void {
  const whole = half(bytes, at + 208);
  for (let group = 0; group < 8; group++) {
    const [side, row] = [group >> 2, group & 3];
    const low = at + 64 * side + 32 * (row & 1);
    const high = at + 128 + 32 * side;
    for (let i = 0; i < 32; i += 16) {
      const scale = whole * signed(bytes[at + 192 + 2 * group + (i >> 4)]);
      for (let j = i; j < i + 16; j++) {
        const four = (bytes[low + j] >> (4 * (row >> 1))) & 15;
        const two = (bytes[high + j] >> (2 * row)) & 3;
        target[to + 32 * group + j] = scale * ((four | (two << 4)) - 32);
      }
    }
  }
}
