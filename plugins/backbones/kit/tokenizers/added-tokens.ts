/** The added tokens of a tokenizer. They are found in a text before its model sees it. */

import { escapeRegExp } from './text-steps.js';
import type { AddedToken } from './tokenizer-json-schema.js';

/**
 * The added tokens of a tokenizer.json and those of other files. Where its model has the content of one of the latter,
 * that is the token.
 */
export function allAdded(
  own: readonly AddedToken[],
  further: readonly AddedToken[],
  vocabulary: Readonly<Record<string, number>>,
): AddedToken[] {
  const known = new Set(own.map(({ content }) => content));
  const others = further.filter(({ content }) => !known.has(content));
  const idOf = ({ content, id }: AddedToken) =>
    Object.hasOwn(vocabulary, content) ? vocabulary[content] : id;
  return [...own, ...others.map((token) => ({ ...token, id: idOf(token) }))];
}

/** A token that was found in a text, or the text between two, with the place in the text. */
export interface Found {
  readonly piece: number | string;
  readonly start: number;
}

/** Finds tokens in a text. A token that `counts` denies is text; without `counts` all count. */
export type Finder = (text: string, counts?: (start: number, end: number) => boolean) => Iterable<Found>;

/** Finds these tokens: the leftmost first, and of those that begin at the same place the longest. */
export function finderOf(tokens: readonly AddedToken[]): Finder {
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  const alternatives = [...tokens]
    .sort((a, b) => b.content.length - a.content.length)
    .map(({ content, lstrip, rstrip, single_word }) => {
      const escaped = escapeRegExp(content);
      const word = single_word ? `(?<![\\p{L}\\p{N}_])(${escaped})(?![\\p{L}\\p{N}_])` : `(${escaped})`;
      return `${lstrip ? '\\p{White_Space}*' : ''}${word}${rstrip ? '\\p{White_Space}*' : ''}`;
    });
  const pattern = tokens.length > 0 ? new RegExp(alternatives.join('|'), 'gu') : undefined;
  return function* (text, counts) {
    let end = 0;
    for (const match of pattern ? text.matchAll(pattern) : []) {
      const content = match.slice(1).find((group) => group !== undefined)!;
      const start = match.index + match[0].indexOf(content);
      if (counts && !counts(start, start + content.length)) continue;
      if (match.index > end) yield { piece: text.slice(end, match.index), start: end };
      yield { piece: ids.get(content)!, start };
      end = match.index + match[0].length;
    }
    if (end < text.length) yield { piece: text.slice(end), start: end };
  };
}
