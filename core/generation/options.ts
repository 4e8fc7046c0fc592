/** How text is generated. */

import type { GenerateOptions } from '../contracts/generation.js';

export type { GenerateOptions } from '../contracts/generation.js';

/** The options of a search for one answer. */
export interface SearchOptions extends GenerateOptions {
  /** The prompt's name in errors. */
  readonly name: string;
  /** Any of these tokens ends an answer. */
  readonly stopIds: ReadonlySet<number>;
  /** Prompt and answer together have at most this many tokens. */
  readonly limit: number;
}

export const GENERATE_DEFAULTS: GenerateOptions = {
  maxNewTokens: 128,
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  noRepeatNgramSize: 0,
  numBeams: 1,
  lengthPenalty: 1,
  earlyStopping: false,
  seed: 42,
};
