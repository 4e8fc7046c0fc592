/** Plain text, as for pretraining: a JSON array, or JSON lines, of `{ text }`. */

import { definePlugin, type TextExample } from '../../../core/index.js';
import { FaultList } from '../kit/fault-list.js';
import { readJsonRecords } from '../kit/records.js';

export default definePlugin({
  name: 'text',
  apiVersion: 2,
  family: 'datasets',
  apply(trainer) {
    trainer.hooks.loadData.tap(({ format, path }) =>
      format === 'text' && path ? readTexts(path) : undefined,
    );
  },
});

/** @throws EvolveError that names every faulty record, after the last one is read */
async function* readTexts(file: string): AsyncGenerator<TextExample> {
  const faults = new FaultList();
  for await (const { value, where, fault } of readJsonRecords(file)) {
    const text = (value as { text?: unknown } | null | undefined)?.text;
    if (fault === undefined && typeof text === 'string') yield { kind: 'text', text };
    else faults.add(where, fault ?? `expected { text }, but got ${JSON.stringify(value)?.slice(0, 60)}`);
  }
  faults.throwIfAny(file);
}
