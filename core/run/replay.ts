/** The first steps of a run, or those after a checkpoint, once more; nothing is written. */

import { EvolveError } from '../base/errors.js';
import type { StepEvent } from '../contracts/tracker.js';
import { count, tellContext } from './loop.js';
import { newWindow, stepEvent } from './progress.js';
import { optimizerStep } from './step.js';
import type { Training } from './training.js';

/**
 * Does up to `steps` steps, as the run did them, without what a run does beside its steps: it evaluates and saves nothing. Yields the
 * events of those steps of which the run told.
 *
 * @throws EvolveError NOT_FINITE or NO_GRADIENT where a step cannot be done
 */
export async function* replay(training: Training, steps: number): AsyncGenerator<StepEvent> {
  const { progress, rows, rowsPerStep, train, schedule, hooks, context, totalSteps } = training;
  const end = Math.min(progress.step + steps, totalSteps);
  tellContext(training);
  for (; progress.step < end; progress.epoch++, progress.row = 0) {
    const list = rows.train.pass(progress.epoch);
    while (progress.row < list.length && progress.step < end) {
      const part = list.read(progress.row, progress.row + rowsPerStep);
      const learningRate = schedule.learningRateAt(progress.step);
      const startedAt = performance.now();
      const done = await optimizerStep(training, part, learningRate);
      if ('code' in done) throw new EvolveError(done.code, done.message, 'The run had no such step.');
      count(done, part.length, startedAt, training);
      tellContext(training);
      const event = stepEvent(progress, context.epoch, learningRate, done.gradNorm, training.groups);
      await hooks.step.promise(event);
      if (progress.step % train.logEvery !== 0 && progress.step !== totalSteps) continue;
      yield event;
      progress.window = newWindow();
    }
    if (progress.step === end) return;
  }
}
