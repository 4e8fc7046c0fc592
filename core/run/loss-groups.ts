/** The losses of single tokens, added up by what their rows are: by source, by language, by part of the answer. */

import { sum } from '../base/collections.js';
import { tf } from '../base/tf.js';
import type { Batch } from '../contracts/batch.js';
import { IGNORED } from '../contracts/labels.js';
import type { GroupLosses } from '../contracts/tracker.js';
import type { CorpusFacts } from '../data/corpus-builder.js';
import type { SourcedExample } from '../data/token-rows.js';

const PARTS = ['rationale', 'answer'] as const;

/** Sums by group: of each group the sum of the losses, and how many tokens they are of. */
export type GroupSums = number[];

/**
 * The groups of a run. The losses of a batch's tokens are told while its loss is computed, and read afterwards, all at once: a
 * device with memory of its own is not asked in between.
 */
export class LossGroups {
  readonly #names: readonly (readonly [by: keyof GroupLosses, name: string])[];
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
  }

  /** How many numbers the sums are. */
  get size(): number {
    return 2 * this.#names.length;
  }

  /** What `Pass.tellLosses` is for a batch of these examples. */
  listener(batch: Batch, examples: readonly SourcedExample[]): (losses: tf.Tensor1D) => void {
    return (losses) => {
      this.#told.push({ losses, batch, examples });
    };
  }

  /** The sums of all that was told since the last time. */
  async take(): Promise<GroupSums> {
    const told = this.#told;
    this.#told = [];
    const sums = new Array<number>(this.size).fill(0);
    try {
      for (const { losses, batch, examples } of told) {
        // A plugin's model may make other sequences of the examples.
        if (losses.size !== batch.targets || batch.offsets.length !== examples.length + 1) continue;
        this.#add(sums, await losses.data<'float32'>(), batch, examples);
      }
    } finally {
      tf.dispose(told.map(({ losses }) => losses));
    }
    return sums;
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
        sums[2 * group] += loss;
        sums[2 * group + 1] += count;
      };
      const [loss, count] = [sum(ofParts), sum(targets)];
      add(source, loss, count);
      add(this.#firstLanguage + language, loss, count);
      if (rationale) for (const part of [0, 1]) add(this.#firstPart + part, ofParts[part], targets[part]);
    }
  }

  /** The mean losses of the groups that have some. */
  meansOf(sums: GroupSums): GroupLosses {
    const means: { -readonly [K in keyof GroupLosses]: Record<string, { loss: number; targets: number }> } =
      {};
    for (const [i, [by, name]] of this.#names.entries()) {
      const [loss, targets] = sums.slice(2 * i, 2 * i + 2);
      if (targets === 0 || name === '') continue;
      const group = means[by] ?? {};
      means[by] = group;
      group[name] = { loss: loss / targets, targets };
    }
    return means;
  }
}

/** Sums of the same groups, added up. */
export function addSums(a: GroupSums, b: GroupSums): GroupSums {
  return b.map((value, i) => value + (a[i] ?? 0));
}
