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

/**
 * Reads the added tokens that are not special. They are found in a text before anything else: the leftmost first, and
 * of those that begin at the same place the longest. A `normalized` one is found only after the text between the others
 * is normalized.
 *
 * @returns a function that calls `use` with the ids of such tokens and with the normalized text between them
 */
export function readAddedTokens(tokens: readonly AddedToken[], normalize: (text: string) => string) {
  const raw = matcherOf(tokens.filter(({ normalized }) => !normalized));
  const normalized = matcherOf(
    tokens
      .filter((token) => token.normalized)
      .map((token) => ({ ...token, content: normalize(token.content) })),
  );
  return (text: string, use: (part: number | string, isFirst: boolean) => void): void => {
    let isFirst = true;
    const pass = (part: number | string) => {
      use(part, isFirst);
      isFirst = false;
    };
    raw(text, (part) => {
      if (typeof part === 'number') pass(part);
      else normalized(normalize(part), pass);
    });
  };
}

/** A function that calls `use` with the ids of the tokens in a text, and with the text between them. */
function matcherOf(tokens: readonly AddedToken[]) {
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  const alternatives = [...tokens]
    .sort((a, b) => b.content.length - a.content.length)
    .map(({ content, lstrip, rstrip, single_word }) => {
      const escaped = escapeRegExp(content);
      const word = single_word ? `(?<![\\p{L}\\p{N}_])(${escaped})(?![\\p{L}\\p{N}_])` : `(${escaped})`;
      return `${lstrip ? '\\p{White_Space}*' : ''}${word}${rstrip ? '\\p{White_Space}*' : ''}`;
    });
  const pattern = tokens.length > 0 ? new RegExp(alternatives.join('|'), 'gu') : undefined;
  return (text: string, use: (part: number | string) => void): void => {
    let end = 0;
    for (const match of pattern ? text.matchAll(pattern) : []) {
      if (match.index > end) use(text.slice(end, match.index));
      use(ids.get(match.slice(1).find((content) => content !== undefined)!)!);
      end = match.index + match[0].length;
    }
    if (end < text.length) use(text.slice(end));
  };
}
