import type { EvalEvent, LogEvent, RunResult, StepEvent } from '../../core/index.js';

/** One event of each kind, as a run logs them. */
export const START: Extract<LogEvent, { type: 'start' }> = {
  type: 'start',
  output: '/nowhere/runs/x',
  device: 'portable',
  backbone: 'llama',
  parameters: 3_000_000,
  trainableParameters: 12_345,
  trainRows: 1234,
  validationRows: 60,
  cutRows: 0,
  cutTokens: 0,
  rowsWithoutEnd: 0,
  steps: 200,
};
export const STEP: StepEvent = {
  type: 'step',
  step: 7,
  epoch: 0.25,
  loss: 1.23456,
  learningRate: 0.0003,
  gradNorm: 0.98765,
  tokens: 500,
  tokensPerSecond: 1234.5,
  memory: 512 * 2 ** 20,
};
export const EVAL: EvalEvent = { type: 'eval', step: 7, evalLoss: 2.5 };
export const NOTICE: LogEvent = { type: 'notice', message: 'one line' };
export const SAVE: Extract<LogEvent, { type: 'save' }> = {
  type: 'save',
  step: 7,
  path: '/nowhere/runs/x/adapter',
};

export const RESULT: RunResult = {
  status: 'completed',
  output: '/nowhere/runs/x',
  steps: 1200,
  savedStep: 1200,
  device: null,
  parameters: { total: 3_012_345, trainable: 12_345 },
  rows: { trainRows: 1234, validationRows: 60, cutRows: 0, cutTokens: 0, rowsWithoutEnd: 0 },
  firstLoss: 2.5,
  lastLoss: 1.25,
  baseLoss: 3,
  evalLoss: 1.5,
  startedAt: '2026-03-01T12:00:00.000Z',
  seconds: 75,
  peakMemory: 512 * 2 ** 20,
  versions: { evolve: '0.1.0' },
};
