/** The losses of single tokens, added up by what their rows are: by source, by language, by part of the answer. */

import { sum } from '../base/collections.js';
import { tf } from '../base/tf.js';
import type { Batch } from '../contracts/batch.js';
import { IGNORED } from '../contracts/labels.js';
import type { GroupLoss, GroupLosses } from '../contracts/tracker.js';
import type { CorpusFacts } from '../data/corpus-builder.js';
import type { SourcedExample } from '../data/token-rows.js';

const PARTS = ['rationale', 'answer'] as const;

/**
 * Sums by group, `WIDTH` of each: of losses, of target tokens, of rows; and over rows of the squares of their losses, of losses
 * times tokens, and of the squares of their tokens.
 */
export type GroupSums = number[];

const WIDTH = 6;

/**
 * The groups of a run. The losses of a batch's tokens are told while its loss is computed, and read afterwards, all at once: a
 * device with memory of its own is not asked in between.
 */
export class LossGroups {
  readonly #names: readonly (readonly [by: keyof GroupLosses, name: string])[];
  readonly #all: number;
  readonly #firstLanguage: number;
  readonly #firstPart: number;
  #told: { losses: tf.Tensor1D; batch: Batch; examples: readonly SourcedExample[] }[] = [];

  constructor({ sources, languages }: Pick<CorpusFacts, 'sources' | 'languages'>) {
    this.#names = [
      ...sources.map((name) => ['bySource', name] as const),
      ...languages.map((name) => ['byLanguage', name] as const),
      ...PARTS.map((name) => ['byPart', name] as const),
    ];
    this.#firstLanguage = sources.length;
    this.#firstPart = sources.length + languages.length;
    this.#all = this.#names.length;
  }

  /** How many numbers the sums are. */
  get size(): number {
    return WIDTH * (this.#names.length + 1);
  }

  /** What `Pass.tellLosses` is for a batch of these examples. */
  listener(batch: Batch, examples: readonly SourcedExample[]): (losses: tf.Tensor1D) => void {
    return (losses) => {
      this.#told.push({ losses, batch, examples });
    };
  }

  /**
   * The sums of all that was told since the last time, and the values of scalars, read at once.
   *
   * @param scalars of fp32
   */
  async take(scalars: readonly tf.Scalar[]): Promise<{ values: number[]; sums: GroupSums }> {
    const told = this.#told;
    this.#told = [];
    const sums = new Array<number>(this.size).fill(0);
    const all = tf.tidy(() => {
      const parts = [...scalars, ...told.map(({ losses }) => losses)];
      return parts.length === 0 ? undefined : tf.concat(parts.map((part) => tf.reshape(part, [-1])));
    });
    const numbers = (await all?.data<'float32'>()) ?? new Float32Array(0);
    tf.dispose([...told.map(({ losses }) => losses), ...(all ? [all] : [])]);
    let at = scalars.length;
    for (const { losses, batch, examples } of told) {
      const own = numbers.subarray(at, at + losses.size);
      at += losses.size;
      // A plugin's model may make other sequences of the examples.
      if (own.length === batch.targets && batch.offsets.length === examples.length + 1)
        this.#add(sums, own, batch, examples);
    }
    return { values: [...numbers.subarray(0, scalars.length)], sums };
  }

  /** Leaves what was told. */
  clear(): void {
    tf.dispose(this.#told.map(({ losses }) => losses));
    this.#told = [];
  }

  #add(sums: GroupSums, losses: Float32Array, batch: Batch, examples: readonly SourcedExample[]): void {
    let target = 0;
    for (const [sequence, { source, language, rationale }] of examples.entries()) {
      const [start, end] = batch.offsets.subarray(sequence, sequence + 2);
      const ofParts = [0, 0];
      const targets = [0, 0];
      for (let at = start; at < end; at++) {
        if (batch.labels[at] === IGNORED) continue;
        const part = rationale && at - start >= rationale[0] && at - start < rationale[1] ? 0 : 1;
        ofParts[part] += losses[target++];
        targets[part]++;
      }
      const add = (group: number, loss: number, count: number) => {
        const moments = [loss, count, 1, loss ** 2, loss * count, count ** 2];
        if (count > 0) for (const [i, moment] of moments.entries()) sums[WIDTH * group + i] += moment;
      };
      const [loss, count] = [sum(ofParts), sum(targets)];
      add(this.#all, loss, count);
      add(source, loss, count);
      add(this.#firstLanguage + language, loss, count);
      if (rationale) for (const part of [0, 1]) add(this.#firstPart + part, ofParts[part], targets[part]);
    }
  }

  /** The mean losses of the groups that have some. @param withErrors with their standard errors */
  meansOf(sums: GroupSums, withErrors = false): GroupLosses {
    const means: { -readonly [K in keyof GroupLosses]: Record<string, GroupLoss> } = {};
    for (const [i, [by, name]] of this.#names.entries()) {
      const mean = meanOf(sums, i, withErrors);
      if (mean === undefined || name === '') continue;
      const group = means[by] ?? {};
      means[by] = group;
      group[name] = mean;
    }
    return means;
  }

  /** The mean loss of all rows, with its standard error; undefined where nobody told the losses of single tokens. */
  meanOfAll(sums: GroupSums): GroupLoss | undefined {
    return meanOf(sums, this.#all, true);
  }
}

/**
 * The mean of a group. Its standard error is that of a ratio of two sums over rows, the losses and the tokens (Cochran, Sampling
 * Techniques, chapter 6): the tokens of one row are no independent draws.
 */
function meanOf(sums: GroupSums, group: number, withErrors: boolean): GroupLoss | undefined {
  const start = WIDTH * group;
  const [losses, targets, rows, squares, products, tokens] = sums.slice(start, start + WIDTH);
  if (!targets) return undefined;
  const loss = losses / targets;
  if (!withErrors || rows < 2) return { loss, targets };
  const deviations = Math.max(0, squares - 2 * loss * products + loss ** 2 * tokens);
  return { loss, targets, stderr: Math.sqrt((deviations * rows) / (rows - 1)) / targets };
}

/** Sums of the same groups, added up. */
export function addSums(a: GroupSums, b: GroupSums): GroupSums {
  return b.map((value, i) => value + (a[i] ?? 0));
}
