/** A search goes from a prompt to its answer, whoever computes the scores. */

import { Random } from '../base/random.js';
import type { Generated } from '../contracts/generation.js';
import type { SearchOptions } from './options.js';
import { largest, processScores } from './processors.js';
import { pickToken } from './sampling.js';
import { checkScores, nothingLeft } from './score-checks.js';

/** A text to continue. */
export interface Hypothesis {
  /** Prompt and answer so far. */
  readonly ids: readonly number[];
  /** Which of the hypotheses before it continues; 0 for the first. */
  readonly parent: number;
}

export interface Answer {
  readonly ids: readonly number[];
  readonly stopped: Generated['stopped'];
}

/** Says which texts to continue, and gets the scores of what may come next, until it has the answer. */
export interface Search {
  /** The largest number of hypotheses. */
  readonly width: number;
  /** Prompt and answer together have at most this many tokens. */
  readonly limit: number;
  /** The prompt alone at first. Empty when the answer is there. */
  readonly hypotheses: readonly Hypothesis[];
  /**
   * @param scores one array for each hypothesis, over the vocabulary. The search may change them until it returns
   * @throws EvolveError NOT_FINITE if no token can be chosen
   */
  advance(scores: readonly Float32Array[]): void;
  /** The answer so far. */
  readonly answer: Answer;
}

/** Goes token by token: takes the likeliest each time, or a drawn one. */
export class TokenSearch implements Search {
  readonly width = 1;
  hypotheses: readonly Hypothesis[];
  readonly #random: Random;
  readonly #ids: number[];
  #stopped: Answer['stopped'] = 'length';

  constructor(
    private readonly prompt: readonly number[],
    private readonly options: SearchOptions,
  ) {
    this.#ids = [...prompt];
    this.#random = new Random(options.seed);
    this.hypotheses = [{ ids: this.#ids, parent: 0 }];
  }

  advance([scores]: readonly Float32Array[]): void {
    checkScores(scores, this.#ids, this.options);
    processScores(scores, this.#ids, this.options);
    if (!Number.isFinite(largest(scores))) throw nothingLeft(this.#ids, this.options);
    const next = pickToken(scores, this.options, this.#random);
    if (this.options.stopIds.has(next)) this.#stopped = 'end';
    else this.#ids.push(next);
    if (this.#stopped === 'end' || this.#ids.length >= this.options.limit) this.hypotheses = [];
  }

  get limit(): number {
    return this.options.limit;
  }

  get answer(): Answer {
    return { ids: this.#ids.slice(this.prompt.length), stopped: this.#stopped };
  }
}
