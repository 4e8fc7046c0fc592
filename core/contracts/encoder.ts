/** What stands between text and token ids. Backbones make it of a model's configuration and tokenizer, without weights. */

import type { Example, Prompt } from './dataset.js';
import type { BackboneRequest } from './model-files.js';
import type { Template } from './template.js';

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

/** Examples -> token ids. It needs no device, and works in a worker thread as in the main one. */
export interface Encoder {
  readonly tokenizer: Tokenizer;
  /**
   * An example in tokens, cut at `cutoffLength`. The same example always gives the same tokens.
   *
   * @throws EvolveError DATA_RECORD where the model or the template cannot express the example
   */
  encode(example: Example, cutoffLength: number): EncodedExample;
  /**
   * The tokens after which an answer is to be generated: those that stand before it in training.
   *
   * @throws EvolveError DATA_RECORD where the template cannot express the prompt
   */
  encodePrompt(prompt: Prompt): number[];
}

/** An example in tokens. */
export interface EncodedExample {
  readonly inputIds: Int32Array;
  /** Which of the tokens are trained on: they have labels. In order, none empty, none overlapping. */
  readonly spans: readonly Span[];
}

/** The tokens start … end − 1. */
export type Span = readonly [start: number, end: number];

/** The label of a token that is not trained on, such as the prompt's, as in PyTorch's cross-entropy. */
export const IGNORED = -100;

/** `[tokens]`: `labels[i]` is the token that position i must have been, or IGNORED. */
export function labelsOf({ inputIds, spans }: EncodedExample): Int32Array {
  const labels = new Int32Array(inputIds.length).fill(IGNORED);
  for (const [start, end] of spans) labels.set(inputIds.subarray(start, end), start);
  return labels;
}

/** What a backbone is asked: do you know this model? It answers with its encoder, or with undefined. */
export interface EncoderRequest extends BackboneRequest {
  /** From which every random choice derives, such as where a text is cut. */
  readonly seed: number;
  /** How examples read. */
  readonly template: Template;
}
