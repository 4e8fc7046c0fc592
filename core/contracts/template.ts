/** What template plugins do: they say how an example reads, as the text that a model is shown. */

import type { InstructionExample, TurnsExample } from './dataset.js';

/** Asks for the template that the configuration names. */
export interface TemplateRequest {
  readonly name: string;
}

/** How examples read. */
export interface Template {
  readonly name: string;
  /**
   * An example as one exchange or several, each behind the one before. A prompt is put as an example whose last answer is
   * empty, so that a model is asked in the very words with which it was trained.
   *
   * @throws EvolveError DATA_RECORD where it has no words for a role, or for the order of the turns
   */
  exchanges(example: InstructionExample | TurnsExample): readonly Exchange[];
}

/** A prompt, which is not trained on, and behind it the answer, which the end token ends. */
export interface Exchange {
  readonly prompt: string;
  readonly answer: string;
  /** Whether the answer is trained on. */
  readonly trained: boolean;
}
