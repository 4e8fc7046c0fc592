/** What a run is about to do, as its first event tells it. */

import { sum } from '../base/collections.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CutCounts, RunResult } from '../contracts/tracker.js';
import type { SplitRows } from '../data/rows.js';
import { parameterSizes } from '../model/count.js';
import { warmupStepsOf } from './plugin-parts.js';

/** How many numbers the model has, and how many are trained. */
export function countParameters(model: LanguageModel): NonNullable<RunResult['parameters']> {
  return {
    total: sum([...parameterSizes(model).values()]),
    trainable: sum([...model.trainable.values()].map((variable) => variable.size)),
  };
}

export function countRows(rows: SplitRows, packing: boolean): NonNullable<RunResult['rows']> {
  return {
    trainRows: rows.train.examples,
    ...(packing && { packedRows: rows.train.length }),
    validationRows: rows.validation.examples.length,
    ...cutCounts(rows.cut),
  };
}

/** Those of the counts that events have. */
function cutCounts({ cutRows, cutTokens, rowsWithoutEnd }: CutCounts): CutCounts {
  return { cutRows, cutTokens, rowsWithoutEnd };
}

/**
 * What the person should know before the first step.
 *
 * @param waiting the plugins that wait for evaluations: metrics, early stopping, …
 */
export function startNotices(
  { model: { init }, train }: Pick<RunConfig, 'model' | 'train'>,
  { saves }: Pick<LanguageModel, 'saves'>,
  rows: Pick<SplitRows, 'validation'>,
  { steps, waiting }: { readonly steps: number; readonly waiting: readonly string[] },
): string[] {
  const notices = [
    randomBaseNotice(init, saves),
    warmupNotice(train, steps),
    evaluationNotice(rows, waiting),
  ];
  return notices.filter((notice) => notice !== undefined);
}

/**
 * What the person should know where there are no held-out rows; undefined if nothing is missed.
 *
 * @param plugins those that wait for evaluations: metrics, early stopping, …
 */
export function evaluationNotice(
  rows: Pick<SplitRows, 'validation'>,
  plugins: readonly string[],
): string | undefined {
  if (rows.validation.length > 0 || plugins.length === 0) return undefined;
  const names = [...new Set(plugins)].join(', ');
  return (
    `no rows are held out, so that nothing is evaluated; what waits for it does nothing: ${names}. ` +
    'Raise data.validationSize'
  );
}

/** What the person should know about a base model that was drawn at random; undefined if it is trained, or read. */
export function randomBaseNotice(
  init: RunConfig['model']['init'],
  saves: 'adapter' | 'model',
): string | undefined {
  if (init !== 'random' || saves === 'model') return undefined;
  return (
    'the base model is drawn at random (model.init), and stays so: only the adapter beside it is trained. ' +
    'adapter: { method: full } trains the model'
  );
}

/** What the person should know about the warm-up; undefined if it is as it should be. */
export function warmupNotice(train: RunConfig['train'], steps: number): string | undefined {
  const warmupSteps = warmupStepsOf(train, steps);
  if (warmupSteps < steps) return undefined;
  const key = train.warmupSteps === undefined ? 'train.warmupRatio' : 'train.warmupSteps';
  const [rise, run] = [warmupSteps, steps].map((count) => `${count} step${count === 1 ? '' : 's'}`);
  return (
    `the warm-up (${rise}) outlasts the run (${run}): the learning rate never reaches ${train.learningRate}. ` +
    `Lower ${key}, or lengthen the run with train.epochs, or with fewer rows a step (train.gradientAccumulationSteps)`
  );
}
