/** A SentencePiece model file: a protobuf message, ModelProto of sentencepiece_model.proto. */

import { tokenizerError } from '../malformed.js';

/** What a piece is, by its number in the file. */
export const PIECE_TYPES = ['normal', 'unknown', 'control', 'user-defined', 'unused', 'byte'] as const;
export type PieceType = (typeof PIECE_TYPES)[number];

export interface Piece {
  readonly piece: string;
  /** Higher is better. */
  readonly score: number;
  readonly type: PieceType;
}

export interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  readonly algorithm: 'unigram' | 'bpe';
  readonly byteFallback: boolean;
  /** Spaces stand behind the words that they belong to, not before. */
  readonly whitespaceAsSuffix: boolean;
  /** What the unknown token reads as. */
  readonly unknownSurface: string;
  readonly normalizer: {
    /** Rules of replacement; empty where there are none. */
    readonly charsMap: Uint8Array;
    readonly addDummyPrefix: boolean;
    readonly removeExtraWhitespaces: boolean;
    readonly escapeWhitespaces: boolean;
  };
}

type Field = number | Uint8Array;

/** @throws EvolveError if the bytes are no such message, or the algorithm is not known */
export function readModelFile(bytes: Uint8Array, file: string): SentencePieceModel {
  const fail = () => tokenizerError(file, 'it is no SentencePiece model, or cut off');
  const model = readMessage(bytes, fail);
  const last = (fields: ReadonlyMap<number, Field[]>, number: number) => fields.get(number)?.at(-1);
  const message = (number: number) => {
    const field = last(model, number);
    return field instanceof Uint8Array ? readMessage(field, fail) : new Map<number, Field[]>();
  };
  const flag = (fields: ReadonlyMap<number, Field[]>, number: number, absent: boolean) =>
    Boolean(last(fields, number) ?? absent);
  const trainer = message(2);
  const normalizer = message(3);

  const pieces = (model.get(1) ?? []).map((field): Piece => {
    if (!(field instanceof Uint8Array)) throw fail();
    const fields = readMessage(field, fail);
    const piece = last(fields, 1);
    const score = last(fields, 2);
    const type = PIECE_TYPES[Number(last(fields, 3) ?? 1) - 1];
    if (!(piece instanceof Uint8Array) || piece.length === 0 || !type) throw fail();
    return {
      piece: Buffer.from(piece).toString(),
      score: score instanceof Uint8Array ? floatOf(score) : 0,
      type,
    };
  });
  if (pieces.length === 0) throw fail();
  const algorithm = (['unigram', 'bpe'] as const)[Number(last(trainer, 3) ?? 1) - 1];
  if (!algorithm) throw tokenizerError(file, 'its model_type is neither UNIGRAM nor BPE', '');
  const surface = last(trainer, 44);
  const charsMap = last(normalizer, 2);
  return {
    pieces,
    algorithm,
    byteFallback: flag(trainer, 35, false),
    whitespaceAsSuffix: flag(trainer, 24, false),
    unknownSurface: surface instanceof Uint8Array ? Buffer.from(surface).toString() : ' ⁇ ',
    normalizer: {
      charsMap: charsMap instanceof Uint8Array ? charsMap : new Uint8Array(),
      addDummyPrefix: flag(normalizer, 3, true),
      removeExtraWhitespaces: flag(normalizer, 4, true),
      escapeWhitespaces: flag(normalizer, 5, true),
    },
  };
}

function floatOf(bytes: Uint8Array): number {
  return Buffer.from(bytes).readFloatLE();
}

/** Field number -> its values: numbers, and bytes for what has a length or is of 32 or 64 bits. */
function readMessage(bytes: Uint8Array, fail: () => Error): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 63) throw fail();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw fail();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    let value: Field;
    if (tag % 8 === 0) value = varint();
    else if (tag % 8 === 1) value = take(8);
    else if (tag % 8 === 2) value = take(varint());
    else if (tag % 8 === 5) value = take(4);
    else throw fail();
    const values = fields.get(number);
    if (values) values.push(value);
    else fields.set(number, [value]);
  }
  return fields;
}
