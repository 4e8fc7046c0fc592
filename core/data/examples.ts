/** From sources to examples, as a stream. They are read before the model, so that a fault in the data costs seconds. */

import { inject, injectable } from 'tsyringe';
import { interruptionOf } from '../base/breath.js';
import { EvolveError, joined } from '../base/errors.js';
import { BAD_ROWS, HOOKS, RUN_CONFIG, SIGNAL } from '../base/injection-keys.js';
import type { RunConfig } from '../config/load.js';
import type { DataSource, Example } from '../contracts/dataset.js';
import type { Hooks } from '../plugins/hooks.js';
import type { BadRows } from './bad-rows.js';
import { resolveSources, unknownSource } from './catalogue.js';

/** An example, and from which entry of `data.sources` it is. */
export interface ReadExample {
  readonly example: Example;
  readonly entry: number;
}

/** Reads the sources of a configuration through the hook `loadData`. */
@injectable()
export class ExampleReader {
  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(SIGNAL) private readonly signal: AbortSignal,
    @inject(BAD_ROWS) private readonly badRows: BadRows,
  ) {}

  /**
   * The examples of every source, in the order of the configuration.
   *
   * @throws EvolveError that reports the faults of all sources, when the last one is read
   */
  async *read(): AsyncGenerator<ReadExample> {
    let count = 0;
    const errors: EvolveError[] = [];
    for (const source of resolveSources(this.config.data)) {
      try {
        for await (const example of this.#examplesOf(source)) {
          count++;
          yield { example, entry: source.index };
        }
      } catch (error) {
        // What waits for a pipe ends with an error of its own.
        if (this.signal.aborted) throw interruptionOf(this.signal);
        if (!(error instanceof EvolveError) || !error.code.startsWith('DATA_')) throw error;
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) {
      const { code, message, advice } = joined(errors);
      throw new EvolveError(code, message, advice, { at: ['data', 'sources'] });
    }
    this.badRows.check(count + this.badRows.rows.length);
  }

  async *#examplesOf(source: DataSource): AsyncGenerator<Example> {
    const { limit = Number.POSITIVE_INFINITY } = source;
    let taken = 0;
    for await (const example of await this.#open(source)) {
      yield example.source === undefined ? { ...example, source: source.name } : example;
      if (++taken >= limit) return;
    }
    if (taken > 0) return;
    const message = `the data source ${source.name} has no record`;
    const advice = 'Check that the file is the right one.';
    throw new EvolveError('DATA_EMPTY', message, advice, { at: ['data', 'sources', source.index] });
  }

  async #open(source: DataSource): Promise<AsyncIterable<Example>> {
    const skip = this.badRows.takerOf(source.name);
    const stream = await this.hooks.loadData.promise(skip ? { ...source, skip } : source);
    if (stream) return stream;
    throw unknownSource(
      source,
      this.hooks.loadData.taps.map((tap) => tap.name),
    );
  }
}
