/** What a training loop works with, made for one model. */

import type { Device } from '../contracts/device.js';
import type { Encoder } from '../contracts/encoder.js';
import type { Schedule } from '../contracts/schedule.js';
import type { RunProgress } from '../contracts/state.js';
import type { SplitRows } from '../data/rows.js';
import type { AssembledModel } from '../model/assemble.js';
import { LossGroups } from './loss-groups.js';
import { makeObjective, makeOptimizer, makeSchedule } from './plugin-parts.js';
import type { StepParts } from './step.js';
import { Undo } from './undo.js';

/** A training: what a step works with, and what is around the steps. */
export interface Training extends StepParts {
  readonly encoder: Encoder;
  readonly device: Device | null;
  readonly schedule: Schedule;
  readonly rows: SplitRows;
  readonly rowsPerStep: number;
  readonly totalSteps: number;
  /** Stepped in place. */
  readonly progress: RunProgress;
}

/** What a run has made before it makes objective, optimizer and schedule. */
export type TrainingBasis = Pick<
  Training,
  'train' | 'device' | 'rows' | 'progress' | 'world' | 'hooks' | 'context' | 'breathe'
>;

/** Optimizer steps of the whole run, and rows of each; the last step of a pass through the data may have fewer. */
export function countSteps({ train, rows }: Pick<TrainingBasis, 'train' | 'rows'>) {
  const rowsPerStep = train.perDeviceBatchSize * train.gradientAccumulationSteps;
  const totalSteps = train.maxSteps ?? Math.ceil(rows.train.length / rowsPerStep) * train.epochs;
  return { rowsPerStep, totalSteps };
}

export async function makeTraining(
  { model, encoder }: AssembledModel,
  basis: TrainingBasis,
): Promise<Training> {
  const { hooks, train } = basis;
  const steps = countSteps(basis);
  const groups = new LossGroups(basis.rows.corpus.facts);
  basis.world.makeRoom(groups.size + 2);
  return {
    ...basis,
    ...steps,
    model,
    encoder,
    groups,
    objective: await makeObjective(hooks, model),
    optimizer: await makeOptimizer(hooks, train, model),
    schedule: await makeSchedule(hooks, train, steps.totalSteps),
    undo: new Undo(model.trainable),
  };
}
