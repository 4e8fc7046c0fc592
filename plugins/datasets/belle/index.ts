/**
 * BELLE's Chinese instructions, as JSON lines or an array: `{ instruction, input, output }` as it is published,
 * and its seed tasks in the form of self-instruct, `{ instruction, instances: [{ input, output }, …] }`.
 */

import { definePlugin } from '../../../core/index.js';
import { readJsonExamples } from '../kit/json-examples.js';

export default definePlugin({
  name: 'belle',
  apiVersion: 2,
  family: 'datasets',
  apply(trainer) {
    trainer.hooks.loadData.tap(({ format, path }) =>
      format === 'belle' && path ? readJsonExamples(path, instancesOf) : undefined,
    );
  },
});

/** A seed task becomes a record an instance; a plain record stays as it is. */
function instancesOf(record: unknown): unknown[] {
  const { instances, ...task } = (record ?? {}) as { instances?: unknown };
  if (!Array.isArray(instances) || instances.length === 0) return [record];
  return instances.map((instance: object) => ({ ...task, ...instance }));
}
