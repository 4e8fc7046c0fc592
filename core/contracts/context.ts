/** What every tap learns about the run, besides the hook's own arguments. */

import type { LanguageModel } from './backbone.js';
import type { Encoder } from './encoder.js';
import type { Pass } from './pass.js';
import type { Processes } from './world.js';

/** The last argument of every tap: one object for the whole run, whose values follow the run. */
export interface HookContext {
  /** Optimizer steps done. */
  readonly step: number;
  /** Passes through the data so far, as a fraction. */
  readonly epoch: number;
  /**
   * The run's model.
   *
   * @throws EvolveError before it is assembled
   */
  readonly model: LanguageModel;
  /**
   * Text -> the model's token ids, in the words of the run's template. `generate` and `Decoder` take it.
   *
   * @throws EvolveError before the model is assembled
   */
  readonly encoder: Encoder;
  /** The pass whose loss is being computed; undefined at all other times. */
  readonly pass: Pass | undefined;
  /** True while an optimizer step is computed, false in evaluation and outside of both. */
  readonly training: boolean;
  /** Aborted when the person interrupts the run. What takes long should end then. */
  readonly signal: AbortSignal;
  /** Which process of the run this is, and of how many. Only the process of rank 0 writes files and tells people. */
  readonly world: Processes;
}
