/** The trainer's counters, and the events that are made of them. */

import type { RunProgress, StepWindow } from '../contracts/state.js';
import type { StepEvent } from '../contracts/tracker.js';
import type { LossGroups } from './loss-groups.js';

/** The counters of a run that has done nothing yet. */
export function newProgress(): RunProgress {
  return {
    step: 0,
    epoch: 0,
    row: 0,
    window: newWindow(),
    metrics: { firstLoss: null, lastLoss: null, baseLoss: null, evalLoss: null },
    evaluatedStep: null,
    best: null,
    proof: { initial: {}, gradNorm: null },
  };
}

export function newWindow(): StepWindow {
  return { lossSum: 0, targets: 0, tokens: 0, seconds: 0, groups: [] };
}

/** What the steps of the window did together. */
export function stepEvent(
  { step, window }: RunProgress,
  epoch: number,
  learningRate: number,
  gradNorm: number,
  groups: LossGroups,
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
    memory: process.memoryUsage.rss(),
    ...groups.meansOf(window.groups),
  };
}
