/** What a tokenizer's file gives: text <-> ids, and its special tokens, which text never yields. */
export interface TextTokenizer {
  /** One more than the highest id. */
  readonly vocabularySize: number;
  /** The id of a token by its content, special ones included. */
  idOf(content: string): number | undefined;
  /** The ids with which the file itself says that every text begins. */
  readonly start: readonly number[];
  /** `text` is well-formed: without halves of characters. */
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
}

/** Whether a token is special for the model, whatever the tokenizer's own file says of it. */
export type IsSpecial = (content: string, id: number) => boolean;

/** From `start` on, makes each run of `id` one. */
export function fuseRuns(id: number, ids: number[], start: number): void {
  let end = start;
  for (let at = start; at < ids.length; at++) {
    if (ids[at] !== id || at === start || ids[at - 1] !== id) ids[end++] = ids[at];
  }
  ids.length = end;
}
