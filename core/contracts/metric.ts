/** What metric plugins measure: how good the model is on rows that it is not trained on. */

import type { Example, Prompt } from './dataset.js';
import type { Generated, GenerateOptions } from './generation.js';
import type { GroupLoss, GroupLosses } from './tracker.js';

/**
 * Named numbers of the held-out rows. The standard error of `NAME` is `NAMEStderr`; what `NAME` is of one source or language
 * alone is `NAME/bySource/SOURCE`, `NAME/byLanguage/LANGUAGE`.
 */
export type Metrics = { readonly evalLoss: number } & Readonly<Record<string, number>>;

/** A prompt with an answer that the model did not make. */
export interface PromptedAnswer {
  readonly prompt: Prompt;
  readonly answer: string;
}

/** How likely the model finds an answer. */
export interface AnswerLikelihood {
  /** In nats, summed over the answer's tokens, without that which ends it. */
  readonly logProbability: number;
  readonly tokens: number;
}

/** The mean cross-entropy of a target token: of all rows, and by what they are. */
export interface CrossEntropies extends GroupLosses {
  readonly all: GroupLoss;
}

/** What a metric can be computed from. */
export interface Evaluation {
  /** The held-out rows as text, in the order of the data. */
  readonly examples: readonly Example[];
  /**
   * The model's answers, in the order of the prompts: greedy, unless the options say otherwise. What one metric has asked is not
   * generated again for another that asks the same with the same options.
   */
  generate(prompts: readonly Prompt[], options?: Partial<GenerateOptions>): Promise<Generated[]>;
  /**
   * The mean cross-entropy of a target token of the held-out rows, in nats, whatever objective and `loss` taps make of
   * `evalLoss`. Where that is the same it costs nothing; else one more pass over the rows, in which all processes take part.
   */
  crossEntropy(): Promise<number>;
  /** The same, by source, by language and by part of the answer too, with standard errors: rows are drawn, tokens are not. */
  crossEntropies(): Promise<CrossEntropies>;
  /** How likely the model finds answers, in their order. Nothing is generated. */
  logProbabilities(answers: readonly PromptedAnswer[]): Promise<AnswerLikelihood[]>;
}
