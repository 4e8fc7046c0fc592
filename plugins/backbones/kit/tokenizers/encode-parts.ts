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
      // Halves of characters become U+FFFD.
      for (const { piece, start } of findPlain(text.toWellFormed())) {
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
  const text = parts
    .map((part) => part.text)
    .join('')
    .toWellFormed();
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
    let before: EncodedText = { text: '', ids: [] };
    let from = start;
    while (from < end) {
      const to = Math.min(end, starts[at + 1] ?? end);
      const behind = encodeBehind(encode, tokenizer.decode, before, text.slice(from, to));
      for (const id of behind.ids) ids[at].push(id);
      before = behind.whole;
      from = to;
      if (from < end) at++;
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
 *
 * @returns the ids, and behind what a further text stands: both texts, or where they are apart this one alone
 */
export function encodeBehind(
  encode: (text: string) => number[],
  decode: (ids: readonly number[]) => string,
  before: EncodedText,
  text: string,
): { ids: readonly number[]; whole: EncodedText } {
  if (text === '') return { ids: [], whole: before };
  const joint = encode(before.text + text);
  if (before.ids.every((id, i) => joint[i] === id))
    return { ids: joint.slice(before.ids.length), whole: { text: before.text + text, ids: joint } };
  // Tokenized apart. Tokenizers of SentencePiece's kind begin every text with a space of their own, which then is the
  // text's: of the two ways the one that reads as it should is right.
  const ways = [text, text.trimStart()].map((apart) => encode(apart));
  const ids = ways.find((way) => decode([...before.ids, ...way]) === before.text + text) ?? ways[0];
  return { ids, whole: { text, ids } };
}
