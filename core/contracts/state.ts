/** Where a run is: all that it needs to go on, besides the trained variables themselves. */

import type { SavedState } from './optimizer.js';

/** What the steps since the last log event did. */
export interface StepWindow {
  /** Summed over target tokens, in nats. */
  lossSum: number;
  targets: number;
  tokens: number;
  seconds: number;
}

/** The numbers that the trainer steps; JSON as they are. */
export interface RunProgress {
  /** Optimizer steps done. */
  step: number;
  /** Whole passes through the data that are done. */
  epoch: number;
  /** Rows done of the pass at hand. Their order is a function of seed and epoch. */
  row: number;
  window: StepWindow;
  metrics: { firstLoss: number | null; lastLoss: number | null; evalLoss: number | null };
}

/** States of plugins, as JSON, each under the plugin's name: what the hooks `saveState` and `restoreState` pass. */
export type PluginStates = Map<string, unknown>;

/** A whole run state, as it is kept. */
export interface RunState {
  readonly progress: RunProgress;
  readonly optimizer: SavedState;
  readonly schedule: unknown;
  readonly plugins: Readonly<Record<string, unknown>>;
}
