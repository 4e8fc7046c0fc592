/**
 * BELLE's Chinese instructions, as JSON lines or an array: `{ instruction, input, output }` as it is published,
 * and its seed tasks in the form of self-instruct, `{ instruction, instances: [{ input, output }, …] }`.
 */

import { definePlugin, type Example } from '../../../core/index.js';
import { FaultList } from '../faults.js';
import { readJsonRecords } from '../records.js';
import { toExample } from '../to-example.js';

export default definePlugin({
  name: 'belle',
  apiVersion: 1,
  family: 'datasets',
  apply(trainer) {
    trainer.hooks.loadData.tap((source) =>
      source.format === 'belle' && source.path ? readBelle(source.path) : undefined,
    );
  },
});

async function* readBelle(file: string): AsyncGenerator<Example> {
  const faults = new FaultList();
  for await (const { value, where, fault } of readJsonRecords(file)) {
    for (const example of fault ? [fault] : instancesOf(value).map(toExample)) {
      if (typeof example === 'string') faults.add(where, example);
      else yield example;
    }
  }
  faults.throwIfAny(file);
}

/** A seed task becomes a record an instance; a plain record stays as it is. */
function instancesOf(value: unknown): unknown[] {
  const { instruction, instances } = (value ?? {}) as { instruction?: unknown; instances?: unknown };
  if (!Array.isArray(instances)) return [value];
  return instances.map((instance: object) => ({ instruction, ...instance }));
}
