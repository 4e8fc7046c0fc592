/** The state of a run: all that it needs to go on, besides the trained variables themselves. */

import type { SavedState } from './optimizer.js';

/** Sums over the steps since the last log event. */
export interface StepWindow {
  /** Summed over target tokens, in nats. */
  lossSum: number;
  targets: number;
  tokens: number;
  seconds: number;
  /** Of each group of rows the sum of the losses, and the number of target tokens. */
  groups: number[];
}

/** What a run tells of its losses at its end; null where there was none. */
export interface RunLosses {
  /** Of the first and the last step. */
  firstLoss: number | null;
  lastLoss: number | null;
  /** Of the held-out rows, before the first step and last. */
  baseLoss: number | null;
  evalLoss: number | null;
}

/** The best evaluation so far. */
export interface BestEvaluation {
  readonly step: number;
  /** Of `train.metricForBestModel`. */
  readonly value: number;
  readonly evalLoss: number;
  /** For how many evaluations none was better by more than `train.earlyStoppingThreshold`. */
  waited: number;
}

/** What the proof of training at the end is made of. */
export interface ProofNotes {
  /** Of each trained variable before the first step, a digest. */
  initial: Record<string, string>;
  /** The least and the greatest norm of a step's gradients, before clipping; null before the first step. */
  gradNorm: { least: number; most: number } | null;
}

/** How far a run is: the trainer's own counters, as JSON. They are stepped in place; `RunState` has a copy of them. */
export interface RunProgress {
  /** Optimizer steps done. */
  step: number;
  /** Whole passes through the data that are done. */
  epoch: number;
  /** Rows done of the pass at hand. Their order is a function of seed and epoch. */
  row: number;
  window: StepWindow;
  metrics: RunLosses;
  /** The step after which the held-out rows were evaluated last; null if they were not yet. */
  evaluatedStep: number | null;
  /** Null where nothing asks for it: `train.loadBestModelAtEnd`, early stopping. */
  best: BestEvaluation | null;
  proof: ProofNotes;
}

/** States of plugins, as JSON, each under the plugin's name. The hooks `saveState` and `restoreState` pass them. */
export type PluginStates = Map<string, unknown>;

/**
 * A moment of a run, from which another run can go on: how far it was, and what optimizer, schedule and plugins had kept by
 * then. The trained variables are not in it: a checkpoint has them beside it.
 */
export interface RunState {
  readonly progress: RunProgress;
  readonly optimizer: SavedState;
  readonly schedule: unknown;
  readonly plugins: Readonly<Record<string, unknown>>;
}
