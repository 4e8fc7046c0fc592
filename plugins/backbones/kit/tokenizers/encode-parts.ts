/** Texts -> ids, with the added tokens that stand in them. */

import type { TextPart } from '../../../../core/index.js';
import { type Finder, finderOf } from './added-tokens.js';
import type { TextTokenizer } from './text-tokenizer.js';

/** The two ways in which a tokenizer reads a text. */
export interface TextEncoders {
  /** The ids of a text that somebody wrote. */
  encode(text: string): number[];
  /** The ids of each part of one text that a template wrote. */
  encodeParts(parts: readonly TextPart[]): number[][];
}

export function encodersOf(tokenizer: TextTokenizer): TextEncoders {
  const findPlain = finderOf(tokenizer.added.filter(({ special }) => !special));
  const findAll = finderOf(tokenizer.added);
  return {
    encode: (text) => {
      const ids: number[] = [];
      const wellFormed = wellFormedOf(text);
      for (const { piece, start } of findPlain(wellFormed)) {
        if (typeof piece === 'number') ids.push(piece);
        else for (const id of tokenizer.encodeBetween(piece, start === 0)) ids.push(id);
      }
      return ids;
    },
    encodeParts: (parts) => encodeParts(tokenizer, findAll, parts),
  };
}

function encodeParts(tokenizer: TextTokenizer, find: Finder, parts: readonly TextPart[]): number[][] {
  const starts: number[] = [];
  const spelled: (readonly [number, number])[] = [];
  let length = 0;
  for (const part of parts) {
    starts.push(length);
    for (const [start, end] of part.spelled) spelled.push([length + start, length + end]);
    length += part.text.length;
  }
  const text = wellFormedOf(parts.map((part) => part.text).join(''));
  const isOwn = (start: number, end: number) => !spelled.some(([from, to]) => from < end && start < to);
  const ids: number[][] = parts.map(() => []);
  let at = 0;
  for (const { piece, start } of find(text, isOwn)) {
    while (at + 1 < parts.length && starts[at + 1] <= start) at++;
    if (typeof piece === 'number') {
      ids[at].push(piece);
      continue;
    }
    const end = start + piece.length;
    const encode = (between: string) => tokenizer.encodeBetween(between, start === 0);
    let before = { text: '', ids: [] as number[] };
    for (let from = start; ; at++) {
      const to = Math.min(end, starts[at + 1] ?? end);
      const own = text.slice(from, to);
      const more = encodeBehind(encode, tokenizer.decode, before, own);
      ids[at].push(...more);
      before = { text: before.text + own, ids: [...before.ids, ...more] };
      from = to;
      if (to === end) break;
    }
  }
  return ids;
}

/** A text with its ids. */
export interface EncodedText {
  readonly text: string;
  readonly ids: readonly number[];
}

/**
 * The ids of a text that stands behind another: what the tokenizer makes of both as one text, unless a token spans the
 * border. The ids before it are then the very ones after which the model will be asked to generate.
 */
export function encodeBehind(
  encode: (text: string) => number[],
  decode: (ids: readonly number[]) => string,
  before: EncodedText,
  text: string,
): number[] {
  if (text === '') return [];
  const joint = encode(before.text + text);
  if (before.ids.every((id, i) => joint[i] === id)) return joint.slice(before.ids.length);
  // Tokenized apart. Tokenizers of SentencePiece's kind begin every text with a space of their own, which then is the
  // text's: of the two ways the one that reads as it should is right.
  const ways = [text, text.trimStart()].map((apart) => encode(apart));
  return ways.find((ids) => decode([...before.ids, ...ids]) === before.text + text) ?? ways[0];
}

/** The text with U+FFFD for halves of characters. */
function wellFormedOf(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text;
}
