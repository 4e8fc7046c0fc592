/** Proof that a run trained its model and saved what it trained. */

import type { tf } from '../../base/tf.js';
import type { LanguageModel } from '../../contracts/backbone.js';
import type { Schedule } from '../../contracts/schedule.js';
import type { RunProgress } from '../../contracts/state.js';
import type { TrainingProof } from '../../contracts/tracker.js';
import type { SplitRows } from '../../data/rows.js';
import type { Hooks } from '../../plugins/hooks.js';
import { fingerprintOfRows } from '../checkpoints/fingerprint.js';
import { type Digests, digestOf } from './digests.js';
import { distance, sampleLogits, sampleOf } from './sample-logits.js';
import { assign, rounded, savedTensors } from './saved-tensors.js';

/** What is proven. */
export interface ProofParts {
  readonly model: LanguageModel;
  readonly rows: SplitRows;
  readonly hooks: Hooks;
  readonly progress: RunProgress;
  readonly schedule: Pick<Schedule, 'learningRateAt'>;
  /** What was saved: the folder, and the step of which it is. */
  readonly folder: string;
  readonly savedStep: number;
  /** What was in memory when it was saved, where a later step has changed it since. */
  readonly savedDigests?: Digests | undefined;
}

/**
 * Holds what a run saved to what it trained. The saved tensors are read from disk, one at a time, and put in the place of those in
 * memory, where they stay: there is no second model, and in the end memory has what was saved.
 */
export async function proveTraining(parts: ProofParts): Promise<TrainingProof> {
  const { model, rows, progress, folder, savedStep, savedDigests } = parts;
  const { initial, gradNorm } = progress.proof;
  const faults: string[] = [];
  const isCurrent = savedStep === progress.step;
  const sample = sampleOf(rows);
  const before = isCurrent ? await sampleLogits(model, sample) : undefined;
  const types = new Set<string>();
  const unmoved: string[] = [];
  const changed: string[] = [];
  let read = 0;
  let compared = 0;
  const fault = (message: string) => {
    faults.push(message);
  };
  for await (const { name, type, values } of savedTensors(folder, model, parts.hooks, fault)) {
    const variable = model.trainable.get(name) as tf.Variable;
    read++;
    types.add(type);
    if (digestOf(values) === initial[name]) unmoved.push(name);
    const memory = isCurrent ? rounded(await variable.data<'float32'>(), type) : undefined;
    const expected = memory ? digestOf(memory) : type === 'f32' ? savedDigests?.[name] : undefined;
    if (expected !== undefined) {
      compared++;
      if (digestOf(values) !== expected) changed.push(name);
    }
    assign(variable, values);
  }
  const { size } = model.trainable;
  const updates = updatesBefore(savedStep, parts.schedule);
  // LoRA's A has a gradient of zero as long as B is zero, so that the first update moves B alone.
  const isFirst = updates === 1 && unmoved.length < read;
  if (unmoved.length > 0 && !isFirst) {
    const why = updates === 0 ? ' (the learning rate was zero, as it is when a warmup begins)' : '';
    fault(`of ${size} tensors these are what they were before the first step: ${some(unmoved)}${why}`);
  }
  if (changed.length > 0)
    fault(`of ${size} tensors these are saved with other values than memory has: ${some(changed)}`);
  const logits = await sampleLogits(model, sample);
  const differ = before && before.sha256 !== logits.sha256 ? distance(before, logits) : 0;
  if (differ > 0 && types.size === 1 && types.has('f32'))
    faults.push(`the saved ${model.saves} gives other logits than the model in memory, by ${differ}`);
  if (!gradNorm || !(gradNorm.least > 0) || !Number.isFinite(gradNorm.most))
    faults.push('there was no step with a gradient');
  return {
    passed: faults.length === 0,
    faults,
    tensors: size,
    moved: read - unmoved.length,
    gradNorm: gradNorm ?? null,
    saved: { step: savedStep, types: [...types], compared, logitsDiffer: before ? differ : null },
    logits,
    rowsSha256: fingerprintOfRows(rows).sha256,
    heldOut: heldOutOf(parts),
  };
}

/** How many of the steps had a learning rate above zero; 2 if more had. */
function updatesBefore(steps: number, schedule: ProofParts['schedule']): number {
  let updates = 0;
  for (let step = 0; step < steps && updates < 2; step++)
    updates += Number(schedule.learningRateAt(step) > 0);
  return updates;
}

/** So many are named. */
const MOST_NAMED = 2;

function some(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? `, and ${names.length - MOST_NAMED} more` : '';
  return names.slice(0, MOST_NAMED).join(', ') + more;
}

/** The held-out loss of what was saved beside that of the model before it was trained. */
function heldOutOf({ progress, savedStep }: ProofParts): TrainingProof['heldOut'] {
  const { metrics, evaluatedStep, best } = progress;
  const loss =
    best?.step === savedStep ? best.evalLoss : evaluatedStep === savedStep ? metrics.evalLoss : null;
  if (metrics.baseLoss === null || loss === null) return null;
  return { base: metrics.baseLoss, saved: loss, isLower: loss < metrics.baseLoss };
}
