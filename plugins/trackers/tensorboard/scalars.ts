import type { EvalEvent, StepEvent } from '../../../core/index.js';

/**
 * Every number of an event under its tag: `train/loss`, `eval/perplexity`. What is told of several by name, such as
 * `bySource: { alpaca: { loss } }`, is `train/bySource/alpaca/loss`.
 */
export function scalarsOf(event: StepEvent | EvalEvent, group: string): [string, number][] {
  const { type: _, step: __, ...values } = event;
  return flat(values, [group]);
}

function flat(value: unknown, keys: readonly string[]): [string, number][] {
  if (typeof value === 'number') return [[keys.join('/'), value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    flat(item, [...keys, key === 'evalLoss' ? 'loss' : key]),
  );
}
