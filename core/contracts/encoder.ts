/** What stands between text and token ids. */

/** An example in tokens. `labels[i]` is the token that position i must have been, or IGNORED. */
export interface EncodedExample {
  readonly inputIds: Int32Array;
  readonly labels: Int32Array;
}

/** The label of a token that is not trained on, such as the prompt's, as in PyTorch's cross-entropy. */
export const IGNORED = -100;

/** Text <-> token ids. Special tokens are never made from text. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bosId: number | null;
  readonly eosId: number;
  /** All tokens at which an answer ends, `eosId` among them; without it, that one alone. */
  readonly stopIds?: readonly number[];
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
}
