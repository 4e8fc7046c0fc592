/** What metric plugins measure: how good the model is on rows that it is not trained on. */

import type { Example, Prompt } from './dataset.js';
import type { Generated, GenerateOptions } from './generation.js';

/** Named numbers of the held-out rows. */
export type Metrics = { readonly evalLoss: number } & Readonly<Record<string, number>>;

/** What a metric can be computed from. */
export interface Evaluation {
  /** The held-out rows as text, in the order of the data. */
  readonly examples: readonly Example[];
  /** The model's answers, in the order of the prompts: greedy, unless the options say otherwise. */
  generate(prompts: readonly Prompt[], options?: Partial<GenerateOptions>): Promise<Generated[]>;
  /**
   * The mean cross-entropy of a target token of the held-out rows, in nats, whatever objective and `loss` taps make of
   * `evalLoss`. Where that is the same it costs nothing; else one more pass over the rows, in which all processes take part.
   */
  crossEntropy(): Promise<number>;
}
