/** From sources to examples. They are read before the model, so that a fault in the data costs seconds. */

import { inject, injectable } from 'tsyringe';
import { Breath, interruptionOf } from '../base/breath.js';
import { EvolveError, joined } from '../base/errors.js';
import { BAD_ROWS, HOOKS, RUN_CONFIG, SIGNAL } from '../base/injection-keys.js';
import { Ticker } from '../base/ticker.js';
import type { RunConfig } from '../config/load.js';
import type { DataSource, Example } from '../contracts/dataset.js';
import type { Hooks } from '../plugins/hooks.js';
import type { BadRows } from './bad-rows.js';
import { openSource, withOrigin } from './open-source.js';
import { resolveSources } from './sources.js';

/** Reads the sources of a configuration through the hook `loadData`. */
@injectable()
export class ExampleReader {
  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(SIGNAL) private readonly signal: AbortSignal,
    @inject(BAD_ROWS) private readonly badRows: BadRows,
  ) {}

  /** The examples of every source, in the order of the configuration. One error reports the faults of all sources. */
  async read(): Promise<Example[]> {
    const examples: Example[] = [];
    const ticker = new Ticker();
    const tell = (total?: number) => {
      const all = total === undefined ? {} : { total };
      this.hooks.log.call({ type: 'progress', task: 'reading', done: examples.length, ...all });
    };
    const breath = new Breath(this.signal);
    const errors: EvolveError[] = [];
    const notice = (message: string) => this.hooks.log.call({ type: 'notice', message });
    for (const source of resolveSources(this.config.data, notice)) {
      try {
        for await (const example of this.#examplesOf(source)) {
          examples.push(example);
          if (ticker.isDue()) tell();
          if (breath.isDue) await breath.take();
        }
      } catch (error) {
        // What waits for a pipe ends with an error of its own.
        if (this.signal.aborted) throw interruptionOf(this.signal);
        if (!(error instanceof EvolveError) || !error.code.startsWith('DATA_')) throw error;
        errors.push(error);
      }
    }
    if (ticker.told) tell(examples.length);
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) {
      const { code, message, advice } = joined(errors);
      throw new EvolveError(code, message, advice, { at: ['data', 'sources'] });
    }
    this.badRows.check(examples.length + this.badRows.rows.length);
    return examples;
  }

  async *#examplesOf(source: DataSource): AsyncGenerator<Example> {
    const { limit = Number.POSITIVE_INFINITY } = source;
    let taken = 0;
    const skip = this.badRows.takerOf(source.name);
    const opened = await openSource(this.hooks, skip ? { ...source, skip } : source, this.signal);
    for await (const example of opened) {
      yield withOrigin(example, source);
      if (++taken >= limit) return;
    }
    if (taken > 0) return;
    const message = `the data source ${source.name} has no record`;
    const advice = 'Check that the file is the right one.';
    throw new EvolveError('DATA_EMPTY', message, advice, { at: ['data', 'sources', source.index] });
  }
}
