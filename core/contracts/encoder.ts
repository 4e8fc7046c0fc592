/** From text to token ids. Backbones make encoders of a model's configuration and tokenizer, without weights. */

import type { Example, Prompt, TextExample } from './dataset.js';
import type { EncodedExample } from './labels.js';
import type { LengthLimit } from './length-limit.js';
import type { BackboneRequest } from './model-files.js';
import type { Passage, Template } from './template.js';

/** Text <-> token ids. Special tokens are never made from text, but for what a template writes. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bosId: number | null;
  /** With which every text begins. The default is `bosId`, where there is one. */
  readonly startIds?: readonly number[] | undefined;
  readonly eosId: number;
  /** All tokens that end an answer, `eosId` among them. The default is `eosId` alone. */
  readonly stopIds?: readonly number[] | undefined;
  /** The special tokens, by their contents. Absent where the tokenizer does not tell them; so then is `encodeParts`. */
  readonly special?: ReadonlyMap<string, number> | undefined;
  encode(text: string): number[];
  /** The tokens of each part of one text, in which special tokens count, but for those that are spelled. */
  encodeParts?(parts: readonly TextPart[]): number[][];
  decode(ids: readonly number[]): string;
}

/** A part of a text that a template has written. */
export type TextPart = Pick<Passage, 'text' | 'spelled'>;

/** Examples -> token ids. It needs no device, and works in a worker thread as in the main one. */
export interface Encoder {
  readonly tokenizer: Tokenizer;
  /** How long the model's rows may be, where that is known before its weights are read. */
  readonly limit?: LengthLimit | undefined;
  /**
   * An example in tokens, cut at `cutoffLength`. The same example always gives the same tokens.
   *
   * @throws EvolveError DATA_RECORD if the model or the template cannot express the example
   */
  encode(example: Example, cutoffLength: number): EncodedExample;
  /**
   * A text in tokens, as rows of at most `cutoffLength` that together have all of it. Absent if the model's texts cannot be
   * split.
   */
  encodeParts?(example: TextExample, cutoffLength: number): EncodedExample[];
  /**
   * The tokens that an answer follows: the same as in training.
   *
   * @throws EvolveError DATA_RECORD if the template cannot express the prompt
   */
  encodePrompt(prompt: Prompt): number[];
}

/** What a backbone is asked: do you know this model? It answers with its encoder, or with undefined. */
export interface EncoderRequest extends BackboneRequest {
  /** Every random choice derives from it, such as where a text is cut. */
  readonly seed: number;
  /** How examples read. */
  readonly template: Template;
}
