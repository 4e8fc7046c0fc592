/** What becomes of rows that are longer than `data.cutoffLength`. */

import { EvolveError } from '../base/errors.js';
import type { RunConfig } from '../config/load.js';
import type { Example, TurnsExample } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import type { EncodedExample } from '../contracts/labels.js';
import type { CutCounts } from '../contracts/tracker.js';

/** What fitting rows cost. */
export type LongCounts = { -readonly [K in keyof CutCounts]: number } & {
  /** Records that were left out. */
  dropped: number;
  /** Conversations without their oldest turns, and the turns that they lost. */
  shortened: number;
  turns: number;
  /** Texts that were split, and the rows that they became. */
  texts: number;
  parts: number;
};

export function noLongRows(): LongCounts {
  return {
    cutRows: 0,
    cutTokens: 0,
    rowsWithoutEnd: 0,
    dropped: 0,
    shortened: 0,
    turns: 0,
    texts: 0,
    parts: 0,
  };
}

/** Fits rows into `data.cutoffLength` in the way of `data.long`, and counts what that cost. */
export class LongRows {
  readonly counts = noLongRows();

  constructor(
    private readonly encoder: Encoder,
    private readonly data: Pick<RunConfig['data'], 'cutoffLength' | 'long'>,
  ) {}

  /** The rows of an example: one, none, or several. `encoded` is what fits of it. */
  fit(example: Example, encoded: EncodedExample): EncodedExample[] {
    const { cutoffLength, long } = this.data;
    if (encoded.inputIds.length < cutoffLength) return [encoded];
    const whole = this.encoder.encode(example, Number.MAX_SAFE_INTEGER);
    if (whole.inputIds.length <= cutoffLength) return [encoded];
    if (long === 'drop') {
      this.counts.dropped++;
      return [];
    }
    if (long === 'split' && example.kind === 'text') return this.#split(example);
    if (long === 'split' && example.kind === 'turns') return [this.#shorten(example)];
    this.#countCut(whole, encoded);
    return [encoded];
  }

  #countCut(whole: EncodedExample, encoded: EncodedExample): void {
    const end = whole.spans.at(-1)?.[1] ?? 0;
    this.counts.cutRows++;
    this.counts.cutTokens += whole.inputIds.length - encoded.inputIds.length;
    if (end > encoded.inputIds.length) this.counts.rowsWithoutEnd++;
  }

  #split(example: Extract<Example, { kind: 'text' }>): EncodedExample[] {
    const parts = this.encoder.encodeParts?.(example, this.data.cutoffLength);
    if (!parts) {
      const message = 'data.long is split, but this model has no way to split a text';
      throw new EvolveError('CONFIG_INVALID', message, 'Set it to cut or drop.', { at: ['data', 'long'] });
    }
    this.counts.texts++;
    this.counts.parts += parts.length;
    return parts;
  }

  /** Without as many of its oldest exchanges as it takes; the last one is cut where that is not enough. */
  #shorten(example: TurnsExample): EncodedExample {
    const { cutoffLength } = this.data;
    let shorter = example;
    for (;;) {
      const whole = this.encoder.encode(shorter, Number.MAX_SAFE_INTEGER);
      const next = withoutOldest(shorter);
      if (whole.inputIds.length <= cutoffLength || !next) {
        if (shorter !== example) this.counts.shortened++;
        this.counts.turns += example.turns.length - shorter.turns.length;
        const encoded = this.encoder.encode(shorter, cutoffLength);
        if (whole.inputIds.length > cutoffLength) this.#countCut(whole, encoded);
        return encoded;
      }
      shorter = next;
    }
  }
}

/** What was done besides cutting, in sentences. */
export function toldOfLong(counts: LongCounts, cutoffLength: number): string[] {
  const { dropped, shortened, turns, texts, parts } = counts;
  const beyond = `longer than data.cutoffLength (${cutoffLength} tokens)`;
  return [
    ...(dropped > 0 ? [`${counted(dropped, 'record')} left out: ${beyond}`] : []),
    ...(shortened > 0
      ? [`${counted(shortened, 'conversation')} ${beyond}: the oldest turns are left off, ${turns} in all`]
      : []),
    ...(texts > 0 ? [`${counted(texts, 'text')} ${beyond}: split into ${parts} rows`] : []),
  ];
}

/** The conversation from its second question on, with what the system said; undefined if there is no such question. */
function withoutOldest(example: TurnsExample): TurnsExample | undefined {
  const { turns } = example;
  const first = turns[0].role === 'system' ? 1 : 0;
  const next = turns.findIndex(({ role }, i) => i > first && role === 'user');
  return next < 0 ? undefined : { ...example, turns: [...turns.slice(0, first), ...turns.slice(next)] };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? ' is' : 's are'}`;
}
