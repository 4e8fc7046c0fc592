/** What a run is about to do, as its first event tells it. */

import { sum } from '../base/collections.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { RunResult } from '../contracts/tracker.js';
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
    trainRows: rows.train.flat().length,
    ...(packing && { packedRows: rows.train.length }),
    validationRows: rows.validation.flat().length,
  };
}

/** What the person should know about the warm-up; undefined if it is as it should be. */
export function warmupNotice(train: RunConfig['train'], steps: number): string | undefined {
  const warmupSteps = warmupStepsOf(train, steps);
  if (warmupSteps < steps) return undefined;
  return `the warm-up (${warmupSteps} steps) outlasts the run (${steps} steps): the learning rate never reaches ${train.learningRate}`;
}
