/** How much there is to learn in rows: counted by source and language. */

import type { Tokenizer } from '../contracts/encoder.js';
import type { SourcedExample } from './token-rows.js';

/** Rows of one source in one language, by their numbers. */
export interface Tally {
  readonly source: number;
  readonly language: number;
  rows: number;
  tokens: number;
  /** Tokens that have labels. */
  trained: number;
  /** Rows that train the token with which an answer or a text ends. */
  ended: number;
}

/** Adds rows up; with `sign` −1 takes them away. */
export class Tallies {
  readonly #all = new Map<string, Tally>();

  constructor(tallies: readonly Tally[] = []) {
    this.merge(tallies);
  }

  get all(): readonly Tally[] {
    return [...this.#all.values()];
  }

  add(
    { inputIds, spans, source, language }: SourcedExample,
    ends: ReadonlySet<number>,
    sign: 1 | -1 = 1,
  ): void {
    const tally = this.#of(source, language);
    tally.rows += sign;
    tally.tokens += sign * inputIds.length;
    // Nothing predicts the first token.
    for (const [start, end] of spans) tally.trained += sign * (end - Math.max(start, 1));
    const last = spans.at(-1);
    if (last && ends.has(inputIds[last[1] - 1])) tally.ended += sign;
  }

  merge(tallies: readonly Tally[]): void {
    for (const { source, language, rows, tokens, trained, ended } of tallies) {
      const tally = this.#of(source, language);
      tally.rows += rows;
      tally.tokens += tokens;
      tally.trained += trained;
      tally.ended += ended;
    }
  }

  #of(source: number, language: number): Tally {
    const key = `${source} ${language}`;
    const tally = this.#all.get(key) ?? { source, language, rows: 0, tokens: 0, trained: 0, ended: 0 };
    this.#all.set(key, tally);
    return tally;
  }
}

/** The tokens that end an answer or a text. */
export function endsOf({ eosId, stopIds }: Tokenizer): ReadonlySet<number> {
  return new Set([eosId, ...(stopIds ?? [])]);
}
