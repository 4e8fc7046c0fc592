/** What template plugins do: they say how an example reads, as text for the model. */

import type { InstructionExample, Prompt, TurnsExample } from './dataset.js';
import type { Span } from './labels.js';
import type { ModelFiles } from './model-files.js';

/** Asks for the template that the configuration names. */
export interface TemplateRequest {
  readonly name: string;
  /** The files of the model, which may bring a template along; absent where no model is at hand. */
  readonly model?: ModelFiles | undefined;
}

/** How examples read: in plain words, or with special tokens of the template's own. */
export type Template = WordTemplate | TokenTemplate;

/** A template of plain words: the model's begin token stands before them, its end token behind each answer. */
export interface WordTemplate extends Named {
  /**
   * An example as one exchange or several, one behind the other. A prompt is passed as an example whose last answer is
   * empty: the model is then asked in the same words with which it was trained.
   *
   * @throws EvolveError DATA_RECORD if it has no words for a role, or for the order of the turns
   */
  exchanges(example: InstructionExample | TurnsExample): readonly Exchange[];
  readonly passages?: undefined;
}

/** A template that writes special tokens by itself, from the begin token to the end tokens of answers. */
export interface TokenTemplate extends Named {
  /**
   * The text of an example, in passages one behind the other.
   *
   * @param special the contents of the tokenizer's special tokens
   * @throws EvolveError DATA_RECORD if it cannot express the example, or not all that is to be trained on
   */
  passages(example: InstructionExample | TurnsExample, special: ReadonlySet<string>): readonly Passage[];
  /** The text that an answer follows. Otherwise as `passages`. */
  promptPassages(prompt: Prompt, special: ReadonlySet<string>): readonly Passage[];
  readonly exchanges?: undefined;
}

interface Named {
  readonly name: string;
  /**
   * The same words of a conversation as a chat template of transformers (Jinja), which exported models carry: of `messages`,
   * and with `eos_token` behind each answer; that of a WordTemplate without the begin token.
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

/** A stretch of a row's text. Special tokens that stand in it are such. */
export interface Passage {
  readonly text: string;
  /** Places in the text where the example spells a special token: there it is text. */
  readonly spelled: readonly Span[];
  /**
   * Which of its tokens have labels. `end` is of what stands behind an answer that is trained on: all up to its first special
   * token, which ends the answer.
   */
  readonly labels: 'none' | 'all' | 'end';
}
