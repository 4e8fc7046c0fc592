/** The state of a run: all that it needs to go on, besides the trained variables themselves. */

import type { SavedState } from './optimizer.js';

/** Sums over the steps since the last log event. */
export interface StepWindow {
  /** Summed over target tokens, in nats. */
  lossSum: number;
  targets: number;
  tokens: number;
  seconds: number;
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

/** The trainer's counters, as JSON. */
export interface RunProgress {
  /** Optimizer steps done. */
  step: number;
  /** Whole passes through the data that are done. */
  epoch: number;
  /** Rows done of the pass at hand. Their order is a function of seed and epoch. */
  row: number;
  window: StepWindow;
  metrics: RunLosses;
}

/** States of plugins, as JSON, each under the plugin's name. The hooks `saveState` and `restoreState` pass them. */
export type PluginStates = Map<string, unknown>;

/** The whole state of a run. */
export interface RunState {
  readonly progress: RunProgress;
  readonly optimizer: SavedState;
  readonly schedule: unknown;
  readonly plugins: Readonly<Record<string, unknown>>;
}
