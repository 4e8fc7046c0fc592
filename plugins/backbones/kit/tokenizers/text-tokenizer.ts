import type { AddedToken } from './tokenizer-json-schema.js';

/** What a tokenizer's file gives: text <-> ids, and its special tokens, which text never yields. */
export interface TextTokenizer {
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** The id of a token by its content, special ones included. */
  idOf(content: string): number | undefined;
  /** The content of a token that text may yield; undefined of a special one, and where there is none of this id. */
  textTokenOf(id: number): string | undefined;
  /** The ids with which the file itself says that every text begins. */
  readonly start: readonly number[];
  /** The tokens that are found in a text before all else; of the special ones only those that a template writes. */
  readonly added: readonly AddedToken[];
  /** What stands between these tokens, without halves of characters. @param isFirst whether it begins the text */
  encodeBetween(text: string, isFirst: boolean): number[];
  decode(ids: readonly number[]): string;
}

/** What other files of a model say of its tokenizer. */
export interface Additions {
  /** Tokens that may stand nowhere else. */
  readonly added: readonly AddedToken[];
  /** Whether a token is special for the model, whatever the tokenizer's own file says of it. */
  isSpecial(content: string): boolean;
  /** Whether SentencePiece's space comes before a text; undefined: as the tokenizer's own file says. */
  readonly spaceBefore?: boolean | undefined;
  /** Whether that space comes before what follows an added token too. */
  readonly spaceBeforeParts: boolean;
}

/** From `start` on, makes each run of `id` one. */
export function fuseRuns(id: number, ids: number[], start: number): void {
  let end = start;
  for (let at = start; at < ids.length; at++) {
    if (ids[at] !== id || at === start || ids[at - 1] !== id) ids[end++] = ids[at];
  }
  ids.length = end;
}
