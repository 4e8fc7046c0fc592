/** Where a run is, in numbers: what the trainer steps, and the events that tell of it. */

import type { RunProgress, StepWindow } from '../contracts/state.js';
import type { StepEvent } from '../contracts/tracker.js';

/** Nothing is done yet. */
export function newProgress(): RunProgress {
  return {
    step: 0,
    epoch: 0,
    row: 0,
    window: newWindow(),
    metrics: { firstLoss: null, lastLoss: null, evalLoss: null },
  };
}

export function newWindow(): StepWindow {
  return { lossSum: 0, targets: 0, tokens: 0, seconds: 0 };
}

/** What the steps of the window did together. */
export function stepEvent(
  { step, window }: RunProgress,
  epoch: number,
  learningRate: number,
  gradNorm: number,
): StepEvent {
  const { lossSum, targets, tokens, seconds } = window;
  return {
    type: 'step',
    step,
    epoch,
    loss: lossSum / targets,
    learningRate,
    gradNorm,
    tokens,
    tokensPerSecond: Math.round((tokens * 10) / seconds) / 10,
  };
}
