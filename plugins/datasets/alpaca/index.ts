/** Stanford Alpaca: a JSON array, or JSON lines, of `{ instruction, input, output }`. */

import { definePlugin, type Example } from '../../../core/index.js';
import { FaultList } from '../faults.js';
import { readJsonRecords } from '../records.js';
import { toExample } from '../to-example.js';

export default definePlugin({
  name: 'alpaca',
  apiVersion: 1,
  family: 'datasets',
  apply(trainer) {
    trainer.hooks.loadData.tap((source) =>
      source.format === 'alpaca' && source.path ? readAlpaca(source.path) : undefined,
    );
  },
});

/** @throws EvolveError that names every faulty record, after the last one is read */
export async function* readAlpaca(file: string): AsyncGenerator<Example> {
  const faults = new FaultList();
  for await (const { value, where, fault } of readJsonRecords(file)) {
    const example = fault ?? toExample(value);
    if (typeof example === 'string') faults.add(where, example);
    else yield example;
  }
  faults.throwIfAny(file);
}
