/** The steps of a run, and what is due after each: events, evaluations, saves. */

import { EvolveError } from '../base/errors.js';
import type { StepEvent } from '../contracts/tracker.js';
import type { Row, RowList } from '../data/rows.js';
import { judge, stopIfPatienceEnds } from './best-model.js';
import { evaluationOf, heldOutLoss } from './evaluate.js';
import { addSums } from './loss-groups.js';
import { newWindow, stepEvent } from './progress.js';
import { digestsOf } from './proof/digests.js';
import type { RunRequests } from './requests.js';
import { notFinite, optimizerStep, type StepFault, type StepResult } from './step.js';
import type { Training } from './training.js';

/** Whether a plugin asked for a save, and wants it kept. */
export interface SaveWish {
  readonly isAsked: boolean;
  readonly keep: boolean;
}

/** What the loop leaves to the run that it is a part of. */
export interface LoopActions {
  readonly requests: RunRequests;
  /** The rows of one pass through the data, in the order of training; passes count from 0. */
  rowsOfEpoch(epoch: number): RowList;
  /** Saves what was learned so far, unless a plugin has another save kept. */
  save(asked: SaveWish): Promise<void>;
  /** A sentence with this verb (`is`, `is kept`) that says where the result so far is; empty if there is none. */
  kept(verb: string): string;
}

/** Steps until the last one, or until a plugin stops the run. */
export async function trainingLoop(training: Training, actions: LoopActions): Promise<void> {
  const { progress, rowsPerStep } = training;
  const isOver = () => progress.step === training.totalSteps || actions.requests.stopReason !== undefined;
  tellContext(training);
  stopIfPatienceEnds(training, actions.requests);
  if (progress.step === 0) progress.proof.initial = await digestsOf(training.model.trainable);
  await actions.requests.agree(training.world);
  if (progress.step === 0 && !isOver()) await measureBase(training);
  if (lacksEvaluation(training)) await evaluate(training, actions);
  for (; !isOver(); progress.epoch++, progress.row = 0) {
    const list = actions.rowsOfEpoch(progress.epoch);
    while (progress.row < list.length) {
      const rows = list.read(progress.row, progress.row + rowsPerStep);
      await stepWith(rows, training, actions, isOver);
      if (isOver()) return;
    }
  }
}

/** Whether the run goes on from a step whose evaluation is still due: that was interrupted. */
function lacksEvaluation({ progress, train, totalSteps }: Training): boolean {
  const { step, evaluatedStep } = progress;
  const isDue = step % train.evalEvery === 0 || step === totalSteps;
  return step > 0 && isDue && evaluatedStep !== step;
}

/** Whether the event of the step that is done was told, if it is due: a checkpoint does not have the event. */
export function isTold({ progress, train }: Training): boolean {
  return progress.step % train.logEvery !== 0 || progress.window.tokens === 0;
}

/** One optimizer step, and what is due after it. */
async function stepWith(
  rows: readonly Row[],
  training: Training,
  actions: LoopActions,
  isOver: () => boolean,
): Promise<void> {
  const { train, schedule, progress, hooks, context, world } = training;
  const { requests } = actions;
  const startedAt = performance.now();
  const learningRate = schedule.learningRateAt(progress.step);
  const done = await optimizerStep(training, rows, learningRate);
  if ('code' in done) fail(done, training, actions);
  count(done, rows.length, startedAt, training);
  tellContext(training);

  const usage = training.device?.usage?.();
  const event: StepEvent = {
    ...stepEvent(progress, context.epoch, learningRate, done.gradNorm, training.groups),
    ...(usage && { peakDeviceMemory: usage.peakMemory }),
  };
  progress.metrics.firstLoss ??= event.loss;
  progress.metrics.lastLoss = event.loss;
  await hooks.step.promise(event);
  const isDue = (every: number) => progress.step % every === 0 || isOver();
  const tell = () => {
    hooks.log.call(event);
    progress.window = newWindow();
  };
  // A tap of `step`, `evaluate` or `save` may have stopped the run.
  const tellRest = () => {
    if (isOver() && progress.window.tokens > 0) tell();
  };
  // Before the processes agree: where one was interrupted the run ends there, and a checkpoint has no event.
  if (isDue(train.logEvery)) tell();
  await requests.agree(world);
  tellRest();
  const isEvaluated = requests.take('evaluate') || isDue(train.evalEvery);
  if (isEvaluated) await evaluate(training, actions);
  await requests.agree(world);
  tellRest();
  const asked = { isAsked: requests.take('save'), keep: requests.take('keep') };
  if (asked.isAsked || isDue(train.saveEvery)) await save(asked, training, actions);
  await requests.agree(world);
  tellRest();
  if (isOver() && !isEvaluated) await evaluate(training, actions);
}

/** Adds a step to the counters. */
export function count(done: StepResult, rows: number, startedAt: number, { progress }: Training): void {
  const { window } = progress;
  window.lossSum += done.loss * done.targets;
  window.targets += done.targets;
  window.tokens += done.tokens;
  window.groups = addSums(window.groups, done.groups);
  const { least, most } = progress.proof.gradNorm ?? { least: done.gradNorm, most: done.gradNorm };
  progress.proof.gradNorm = { least: Math.min(least, done.gradNorm), most: Math.max(most, done.gradNorm) };
  window.seconds += (performance.now() - startedAt) / 1000;
  progress.step++;
  progress.row += rows;
}

/** Updates the context of hooks. */
export function tellContext({ progress, rows, rowsPerStep, context }: Training): void {
  const [done, all] = [progress.row, rows.train.length].map((number) => Math.ceil(number / rowsPerStep));
  context.step = progress.step;
  context.epoch = progress.epoch + done / all;
}

/**
 * The held-out loss before the first step, which later ones are compared with. It is no evaluation: metrics would take time,
 * and a plugin that stops a run must count from the first one. What a plugin compares, it measures in `evaluateBase`.
 */
async function measureBase(training: Training): Promise<void> {
  const { rows, progress, hooks } = training;
  if (rows.validation.length === 0) return;
  const measured = await heldOutLoss(training, rows.validation);
  const { loss: evalLoss, groups } = measured;
  // The first step says what is wrong with it.
  if (!Number.isFinite(evalLoss)) return;
  progress.metrics.baseLoss = evalLoss;
  hooks.log.call({ type: 'eval', step: 0, evalLoss, ...groups });
  await hooks.evaluateBase.promise(evaluationOf(training, measured));
}

async function evaluate(training: Training, actions: LoopActions): Promise<void> {
  const { rows, progress, hooks, context, world } = training;
  if (rows.validation.length === 0) return;
  const measured = await heldOutLoss(training, rows.validation);
  const { loss: evalLoss, groups } = measured;
  if (!Number.isFinite(evalLoss))
    fail(notFinite('held-out loss', progress.step, evalLoss), training, actions);
  const metrics = await hooks.evaluate
    .promise({ evalLoss }, evaluationOf(training, measured))
    .catch(async (error: unknown) => {
      // The other processes must learn why this one ends.
      if (context.signal.aborted) await actions.requests.agree(world);
      throw error;
    });
  progress.metrics.evalLoss = metrics.evalLoss;
  progress.evaluatedStep = progress.step;
  judge(training, metrics, actions.requests);
  hooks.log.call({ type: 'eval', step: progress.step, ...metrics, ...groups });
}

async function save(asked: SaveWish, training: Training, actions: LoopActions): Promise<void> {
  try {
    await actions.save(asked);
  } catch (error) {
    if (error instanceof EvolveError && error.code === 'NOT_FINITE') fail(error, training, actions);
    throw error;
  }
}

/** Ends the run. The variables go back to what they were when all was well. */
function fail(fault: StepFault | EvolveError, training: Training, actions: LoopActions): never {
  takeBack(training);
  const advice =
    ('advice' in fault && fault.advice) || 'Lower train.learningRate, or lengthen train.warmupSteps.';
  throw new EvolveError(fault.code, fault.message, `${actions.kept('is kept')}${advice}`);
}

/** Takes the last step back; false if it cannot be. */
export function takeBack({ undo, progress, context }: Training): boolean {
  if (!undo.undo()) return false;
  context.step = --progress.step;
  return true;
}
