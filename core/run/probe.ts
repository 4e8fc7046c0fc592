/** Two steps that are done to be measured, and forgotten. */

import type { Row, SplitRows } from '../data/rows.js';
import { optimizerStep } from './step.js';
import type { Training } from './training.js';

/** What two steps took. */
export interface Probe {
  /** The most memory that the process has held, in bytes: with the run's largest micro-batch, it is the run's too. */
  readonly peakMemory: number;
  readonly peakDeviceMemory: number | undefined;
  /** Of what the optimizer keeps. */
  readonly optimizerBytes: number;
  readonly secondsPerToken: number;
}

/** So many micro-batches of the run's first step tell how long a token takes. */
const TIMED = 4;
/** So many passes through the data are searched for the largest micro-batch. */
const SEARCHED = 3;

/**
 * Does a step of the run's largest micro-batch, twice, then one of its first rows. The model is another one after it: what is
 * trained has changed.
 */
export async function probe(training: Training): Promise<Probe> {
  const { rows, train, schedule, optimizer, device } = training;
  const learningRate = schedule.learningRateAt(0);
  const largest = largestMicroBatch(rows, training);
  await doneStep(training, [...largest, ...largest], learningRate);
  const first = rows.train.pass(0).read(0, Math.min(training.rowsPerStep, TIMED * train.perDeviceBatchSize));
  const startedAt = performance.now();
  const tokens = await doneStep(training, first, learningRate);
  const seconds = (performance.now() - startedAt) / 1000;
  const kept = [...optimizer.state().tensors.values()];
  return {
    peakMemory: process.resourceUsage().maxRSS * 1024,
    peakDeviceMemory: device?.usage?.().peakMemory,
    optimizerBytes: kept.reduce((sum, { size }) => sum + 4 * size, 0),
    secondsPerToken: seconds / tokens,
  };
}

async function doneStep(training: Training, rows: readonly Row[], learningRate: number): Promise<number> {
  const done = await optimizerStep(training, rows, learningRate);
  // A run of this configuration would end with the same fault, after it has said more.
  return 'code' in done ? rows.flat().reduce((sum, { inputIds }) => sum + inputIds.length, 0) : done.tokens;
}

/** The micro-batch with the most tokens that the run will have. */
function largestMicroBatch(
  { train }: SplitRows,
  { rowsPerStep, totalSteps, train: settings }: Training,
): Row[] {
  const { perDeviceBatchSize } = settings;
  const passes = Math.min(SEARCHED, Math.ceil((totalSteps * rowsPerStep) / train.length));
  let largest = { tokens: -1, pass: 0, start: 0, end: 0 };
  for (let pass = 0; pass < passes; pass++) {
    const lengths = train.pass(pass).lengths();
    const rows = Math.min(lengths.length, totalSteps * rowsPerStep - pass * lengths.length);
    for (let step = 0; step < rows; step += rowsPerStep)
      for (let start = step; start < Math.min(step + rowsPerStep, rows); start += perDeviceBatchSize) {
        const end = Math.min(start + perDeviceBatchSize, step + rowsPerStep, rows);
        const tokens = lengths.subarray(start, end).reduce((sum, length) => sum + length, 0);
        if (tokens > largest.tokens) largest = { tokens, pass, start, end };
      }
  }
  return train.pass(largest.pass).read(largest.start, largest.end);
}
