/**
 * From data sources to batches: examples are read through the `loadData` hook before the model is, so that a
 * fault in the data costs seconds; then the model's backbone encodes them, and they are split and shuffled.
 */

import { inject, injectable } from 'tsyringe';
import { EvolveError } from '../base/errors.js';
import { HOOKS, RANDOM, RUN_CONFIG } from '../base/injection-keys.js';
import { deriveSeed, Random, type RandomStreams } from '../base/random.js';
import { suggest } from '../base/suggest.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { DataSource, Example } from '../contracts/dataset.js';
import { type EncodedExample, IGNORED } from '../contracts/encoder.js';
import { reachOf } from '../contracts/length-limit.js';
import type { Hooks } from '../plugins/hooks.js';
import { readCatalogue, resolveSources } from './catalogue.js';
import { pack, type Row } from './packing.js';
import { TokenArena } from './token-arena.js';

/** The rows of a run, in tokens. */
export interface SplitRows {
  readonly train: readonly Row[];
  readonly validation: readonly Row[];
  /** The examples of `validation`, in the order of the data. */
  readonly heldOut: readonly Example[];
}

@injectable()
export class DataLoader {
  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(RANDOM) private readonly random: RandomStreams,
  ) {}

  /** The examples of every source, in the order of the configuration. The faults of all sources are told at once. */
  async read(): Promise<Example[]> {
    const examples: Example[] = [];
    const errors: EvolveError[] = [];
    for (const source of resolveSources(this.config.data)) {
      try {
        for await (const example of this.#examplesOf(source)) examples.push(example);
      } catch (error) {
        if (!(error instanceof EvolveError) || !error.code.startsWith('DATA_')) throw error;
        errors.push(error);
      }
    }
    const [first, ...others] = errors;
    if (others.length === 0 && first) throw first;
    if (first) {
      const message = errors.map((error) => error.message).join('\n');
      const advice = [...new Set(errors.map((error) => error.advice))].join('\n');
      throw new EvolveError(first.code, message, advice, { at: ['data', 'sources'] });
    }
    return examples;
  }

  async *#examplesOf(source: DataSource): AsyncGenerator<Example> {
    const { limit = Number.POSITIVE_INFINITY } = source;
    let taken = 0;
    for await (const example of await this.#open(source)) {
      yield example;
      if (++taken >= limit) return;
    }
    if (taken > 0) return;
    const message = `the data source ${source.name} has no record`;
    const advice = 'Check that the file is the right one.';
    throw new EvolveError('DATA_EMPTY', message, advice, { at: ['data', 'sources', source.index] });
  }

  async #open(source: DataSource): Promise<AsyncIterable<Example>> {
    const stream = await this.hooks.loadData.promise(source);
    if (stream) return stream;
    const names = Object.keys(readCatalogue());
    const formats = this.hooks.loadData.taps.map((tap) => tap.name);
    const message = source.path
      ? `${source.name}: unknown data format "${source.format}"${suggest(source.format, formats)}`
      : `unknown data name "${source.name}"${suggest(source.name, names)}`;
    const advice = `Names: ${names.join(', ')}. Formats, as in { path: FILE, format: FORMAT }: ${formats.join(', ')}.`;
    throw new EvolveError('DATA_UNKNOWN', message, advice, { at: ['data', 'sources', source.index] });
  }

  /**
   * Encodes the examples and holds some out. Rows that would train on nothing are left out, and counted. `breathe`
   * is awaited now and then, so that a person can interrupt.
   */
  async prepare(
    examples: readonly Example[],
    model: LanguageModel,
    breathe: () => Promise<void>,
  ): Promise<SplitRows> {
    const { cutoffLength } = this.config.data;
    if (cutoffLength > model.maxLength) {
      const message = `data.cutoffLength is ${cutoffLength}, but ${reachOf(model)}`;
      const advice = `Set data.cutoffLength to ${model.maxLength} or less.`;
      throw new EvolveError('MODEL_INVALID', message, advice, { at: ['data', 'cutoffLength'] });
    }
    const isEmpty = (example: Example) => trainedText(example).trim() === '';
    const answered = examples.filter((example) => !isEmpty(example));
    const arena = new TokenArena();
    const encoded: EncodedExample[] = [];
    for (const [i, example] of answered.entries()) {
      if (i % 256 === 0) await breathe();
      encoded.push(arena.keep(model.encode(example, cutoffLength)));
    }
    const isUsable = ({ labels }: EncodedExample) => labels.subarray(1).some((label) => label !== IGNORED);
    const usable = encoded.filter(isUsable);
    const usableExamples = answered.filter((_, i) => isUsable(encoded[i]));
    const total = examples.length;
    for (const key of ['output', 'text']) {
      const empty = examples.filter((example) => key in example && isEmpty(example));
      this.#tellSkipped(empty.length, total, `${key} is empty`);
    }
    const reason = `prompt alone fills data.cutoffLength (${cutoffLength} tokens)`;
    this.#tellSkipped(encoded.length - usable.length, total, reason);
    if (usable.length === 0) {
      const message = `there is no usable record among ${total}`;
      const advice = 'Raise data.cutoffLength, or check "output" in the records.';
      throw new EvolveError('DATA_EMPTY', message, advice, { at: ['data', 'sources'] });
    }
    const size = this.#validationSize(usable.length);
    const order = this.random.stream('split').permutation(usable.length);
    const [held, trained] = [order.subarray(0, size), order.subarray(size)].map((indices) =>
      Array.from(indices).sort((a, b) => a - b),
    );
    const rowsOf = (indices: readonly number[]) => this.#rowsOf(indices.map((i) => usable[i]));
    return {
      validation: rowsOf(held),
      train: rowsOf(trained),
      heldOut: held.map((i) => usableExamples[i]),
    };
  }

  /** Each example in a row of its own, or several packed into one: which ones is settled once for all epochs. */
  #rowsOf(examples: readonly EncodedExample[]): Row[] {
    const { packing, cutoffLength } = this.config.data;
    if (!packing) return examples.map((example) => [example]);
    return pack(this.#shuffled(examples, 'packing'), cutoffLength);
  }

  #tellSkipped(count: number, total: number, reason: string): void {
    if (count === 0) return;
    const [verb, whose] = count === 1 ? ['is', 'its'] : ['are', 'their'];
    this.hooks.log.call({
      type: 'notice',
      message: `${count} of ${total} records ${verb} left out: ${whose} ${reason}`,
    });
  }

  #validationSize(rows: number): number {
    const { validationSize } = this.config.data;
    if (validationSize === undefined) return Math.min(2000, Math.floor(rows / 10));
    if (validationSize < rows) return validationSize;
    const message = `data.validationSize is ${validationSize}, which leaves none of the ${rows} rows to train on`;
    const advice = 'Set it lower, or to 0 to hold nothing out.';
    throw new EvolveError('CONFIG_INVALID', message, advice, { at: ['data', 'validationSize'] });
  }

  /** The rows of pass `epoch` (from 0) through the data, in the order of training. */
  epochOrder(rows: readonly Row[], epoch: number): Row[] {
    if (!this.config.data.shuffle) return [...rows];
    const random = new Random(deriveSeed(this.config.train.seed, 'shuffle'));
    for (let before = 0; before < epoch; before++) random.permutation(rows.length);
    return Array.from(random.permutation(rows.length), (i) => rows[i]);
  }

  #shuffled<T>(items: readonly T[], stream: string): T[] {
    if (!this.config.data.shuffle) return [...items];
    return Array.from(this.random.stream(stream).permutation(items.length), (i) => items[i]);
  }
}

/** What of an example has labels. */
function trainedText(example: Example): string {
  return 'text' in example ? example.text : example.output;
}
