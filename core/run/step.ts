/** One optimizer step: gradients over all micro-batches, one update. */

import { chunk, sum } from '../base/collections.js';
import { deriveSeed } from '../base/random.js';
import { tf } from '../base/tf.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { Batch } from '../contracts/batch.js';
import type { Objective } from '../contracts/objective.js';
import type { Gradients, Optimizer } from '../contracts/optimizer.js';
import type { Pass } from '../contracts/pass.js';
import type { Row } from '../data/rows.js';
import { globalNorm } from '../ops/global-norm.js';
import { variableGradients } from '../ops/gradients.js';
import type { Hooks } from '../plugins/hooks.js';
import type { RunContext } from './context.js';
import type { GroupSums, LossGroups } from './loss-groups.js';
import type { RunWorld } from './run-world.js';
import { freedFault } from './savable.js';
import { shareOut } from './share-out.js';
import type { Undo } from './undo.js';

/** What a step did. */
export interface StepResult {
  /** Mean over the step's target tokens, in nats. */
  readonly loss: number;
  readonly targets: number;
  readonly tokens: number;
  /** Of the gradients, before clipping. */
  readonly gradNorm: number;
  readonly groups: GroupSums;
}

/** Why a step was not done. The variables are as they were before it. */
export interface StepFault {
  readonly code: 'NOT_FINITE' | 'NO_GRADIENT';
  readonly message: string;
}

/** What a step works with. */
export interface StepParts {
  readonly train: RunConfig['train'];
  readonly model: LanguageModel;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  readonly undo: Undo;
  readonly groups: LossGroups;
  readonly world: RunWorld;
  readonly hooks: Hooks;
  readonly context: RunContext;
  /** Called between micro-batches, so that a person can interrupt: it throws then, but not in a run of several processes. */
  breathe(): Promise<void>;
}

/**
 * The step's loss is the mean over all its target tokens, whichever micro-batch and process they are in. (The mean of the
 * micro-batches' means would favour micro-batches with few targets.) The rows say how many targets there are in all processes.
 * Each process divides by this number within the loss that is recorded, before the shares are summed, and not their sum
 * afterwards: a micro-batch then yields the same numbers, to the last digit, in a run of one process and in one of several.
 * What is checked, and what plugins see, are the sums.
 *
 * @param rows the step's rows in all processes. Each process takes its share of the micro-batches
 * @returns a fault if loss or gradients forbid the update
 */
export async function optimizerStep(
  parts: StepParts,
  rows: readonly Row[],
  learningRate: number,
): Promise<StepResult | StepFault> {
  const { train, model, optimizer, world, hooks, context } = parts;
  const microBatches = chunk(rows, train.perDeviceBatchSize).map((part) => part.flat());
  const batches = microBatches.map((examples) => model.collate(examples));
  const targets = sum(batches.map((batch) => batch.targets));
  const lengths = batches.map(({ inputIds }) => inputIds.length);
  const shares = shareOut(lengths, world.size);
  let gradients: Gradients = new Map();
  const losses: tf.Scalar[] = [];
  try {
    context.training = true;
    for (const [i, batch] of batches.entries()) {
      if (shares[i] !== world.rank) continue;
      await parts.breathe();
      if (world.isEnding) break;
      const tellLosses = parts.groups.listener(batch, microBatches[i]);
      const micro = gradientsOf(parts, batch, targets, i, tellLosses);
      losses.push(micro.loss);
      gradients = addInto(gradients, micro.gradients);
    }
    const { values, sums } = await parts.groups.take(losses);
    const [loss, ...groups] = await world.total(sum(values), ...sums);
    gradients = await world.sumGradients(model.trainable, gradients);
    const number = context.step + 1;
    if (!Number.isFinite(loss)) return notFinite('loss', number, loss);
    gradients = await hooks.gradients.promise(gradients);
    const gradNorm = await normOf(gradients);
    if (!Number.isFinite(gradNorm)) return notFinite('gradient norm', number, gradNorm);
    if (gradNorm === 0) {
      // Otherwise the run would seem to end well, with an adapter that learned nothing.
      const message = `the gradient of step ${number} is zero, so that the step would change nothing`;
      return { code: 'NO_GRADIENT', message };
    }
    // Scales down to the allowed norm, as torch's clip_grad_norm_ does.
    const gradientScale = Math.min(1, train.maxGradNorm / (gradNorm + 1e-6));
    parts.undo.remember();
    try {
      optimizer.update(gradients, { learningRate, gradientScale });
    } catch (error) {
      // It may have changed some variables; what is saved now must be of one step.
      parts.undo.undo();
      throw error;
    }
    const freed = freedFault(model.trainable);
    if (freed) throw freed;
    return {
      loss,
      targets,
      tokens: sum(lengths),
      gradNorm,
      groups,
    };
  } finally {
    context.training = false;
    parts.groups.clear();
    tf.dispose([...losses, ...gradients.values()]);
  }
}

export function notFinite(what: string, step: number, value: number): StepFault {
  return { code: 'NOT_FINITE', message: `the ${what} of step ${step} is ${value}` };
}

/** The summed loss of a batch, as the objective and the plugins' hook make it. */
export function lossOf(
  { objective, model, hooks, context }: Pick<StepParts, 'objective' | 'model' | 'hooks' | 'context'>,
  batch: Batch,
  pass: Pass,
): tf.Scalar {
  context.pass = pass;
  try {
    return hooks.loss.call(objective.loss(model, batch, pass), batch);
  } finally {
    context.pass = undefined;
  }
}

/** One micro-batch's share of the loss, and of the gradients. */
function gradientsOf(
  parts: StepParts,
  batch: Batch,
  targets: number,
  microBatch: number,
  tellLosses: Pass['tellLosses'],
) {
  const { seed, gradientCheckpointing } = parts.train;
  const pass: Pass = {
    training: true,
    seed: deriveSeed(seed, 'pass', parts.context.step, microBatch),
    checkpointing: gradientCheckpointing,
    tellLosses,
  };
  return variableGradients(
    () => tf.div(lossOf(parts, batch, pass), targets) as tf.Scalar,
    parts.model.trainable,
  );
}

async function normOf(gradients: Gradients): Promise<number> {
  const norm = globalNorm([...gradients.values()]);
  const [value] = await norm.data();
  norm.dispose();
  return value;
}

/** Adds up gradients by name, and frees what it added up. */
function addInto(sums: Gradients, gradients: Gradients): Gradients {
  if (sums.size === 0) return gradients;
  const added = new Map<string, tf.Tensor>();
  for (const [name, gradient] of gradients) added.set(name, tf.add(sums.get(name) as tf.Tensor, gradient));
  tf.dispose([...sums.values(), ...gradients.values()]);
  return added;
}
