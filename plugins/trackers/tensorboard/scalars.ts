import type { EvalEvent, GroupLoss, StepEvent } from '../../../core/index.js';

/** Every number of an event under its tag: `train/loss`, `eval/perplexity`; losses of groups as `train/bySource/alpaca`. */
export function scalarsOf(event: StepEvent | EvalEvent, group: string): [string, number][] {
  const { type: _, step: __, ...values } = event;
  return Object.entries(values).flatMap(([key, value]): [string, number][] => {
    if (typeof value === 'number') return [[`${group}/${key === 'evalLoss' ? 'loss' : key}`, value]];
    if (typeof value !== 'object') return [];
    const losses = Object.entries(value as Readonly<Record<string, GroupLoss>>);
    return losses.map(([name, { loss }]) => [`${group}/${key}/${name}`, loss]);
  });
}
