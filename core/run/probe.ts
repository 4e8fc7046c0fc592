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
/** So many passes through the data are searched for micro-batches. */
const SEARCHED = 3;
/** Of the tokens of the run's largest micro-batch, those of the ones that are tried. */
const SHARES = [1, 0.5, 0.75, 0.35];

/**
 * Does a step of the run's largest micro-batch and of smaller ones, then one of the run's first rows. Devices keep arrays for
 * the next batch that needs about as much: batches of other sizes need others beside them. The model is another one after it:
 * what is trained has changed.
 */
export async function probe(training: Training): Promise<Probe> {
  const { rows, train, schedule, optimizer, device } = training;
  const learningRate = schedule.learningRateAt(0);
  const microBatches = microBatchesOf(rows, training);
  const largest = nearestTo(Number.POSITIVE_INFINITY, microBatches());
  const tried = SHARES.map((share) => nearestTo(share * largest.tokens, microBatches()));
  const read = ({ pass, start, end }: MicroBatch) => rows.train.pass(pass).read(start, end);
  // A step parts its rows into micro-batches of this size: those before the last have to be whole.
  const parts = tried.map(read).filter(({ length }) => length === train.perDeviceBatchSize);
  await doneStep(training, parts.length > 0 ? parts.flat() : read(largest), learningRate);
  const timed = rows.train.pass(0).read(0, Math.min(training.rowsPerStep, TIMED * train.perDeviceBatchSize));
  const startedAt = performance.now();
  const tokens = await doneStep(training, timed, learningRate);
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

/** A micro-batch that the run will have: rows of a pass. */
interface MicroBatch {
  readonly tokens: number;
  readonly pass: number;
  readonly start: number;
  readonly end: number;
}

/** All micro-batches of the passes that are searched, as often as they are asked for. */
function microBatchesOf(
  { train }: SplitRows,
  { rowsPerStep, totalSteps, train: { perDeviceBatchSize } }: Training,
): () => Generator<MicroBatch> {
  const passes = Math.min(SEARCHED, Math.ceil((totalSteps * rowsPerStep) / train.length));
  return function* () {
    for (let pass = 0; pass < passes; pass++) {
      const lengths = train.pass(pass).lengths();
      const rows = Math.min(lengths.length, totalSteps * rowsPerStep - pass * lengths.length);
      for (let step = 0; step < rows; step += rowsPerStep)
        for (let start = step; start < Math.min(step + rowsPerStep, rows); start += perDeviceBatchSize) {
          const end = Math.min(start + perDeviceBatchSize, step + rowsPerStep, rows);
          const tokens = lengths.subarray(start, end).reduce((sum, length) => sum + length, 0);
          yield { tokens, pass, start, end };
        }
    }
  };
}

/** The one that has nearly so many tokens; of an infinite number, the most. */
function nearestTo(tokens: number, microBatches: Iterable<MicroBatch>): MicroBatch {
  const distance = (one: MicroBatch) =>
    Number.isFinite(tokens) ? Math.abs(one.tokens - tokens) : -one.tokens;
  let nearest: MicroBatch | undefined;
  for (const one of microBatches) if (!nearest || distance(one) < distance(nearest)) nearest = one;
  return nearest ?? { tokens: 0, pass: 0, start: 0, end: 1 };
}
