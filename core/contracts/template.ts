/** What template plugins do: they say how an example reads, as text for the model. */

import type { InstructionExample, TurnsExample } from './dataset.js';

/** Asks for the template that the configuration names. */
export interface TemplateRequest {
  readonly name: string;
}

/** How examples read. */
export interface Template {
  readonly name: string;
  /**
   * An example as one exchange or several, one behind the other. A prompt is passed as an example whose last answer is
   * empty: the model is then asked in the same words with which it was trained.
   *
   * @throws EvolveError DATA_RECORD if it has no words for a role, or for the order of the turns
   */
  exchanges(example: InstructionExample | TurnsExample): readonly Exchange[];
  /**
   * The same words of a conversation as a chat template of transformers (Jinja), which exported models carry: of `messages`,
   * without the begin token, and with `eos_token` behind each answer.
   */
  readonly chatTemplate?: string | undefined;
}

/** A prompt and its answer. The prompt is not trained on. The end token ends the answer. */
export interface Exchange {
  readonly prompt: string;
  readonly answer: string;
  /** Whether the answer is trained on. */
  readonly trained: boolean;
}
