/** How a model computes a pass. */

import type { CachePass } from './cache.js';

/** What is particular to one pass through a model. */
export interface Pass {
  /** Dropout is active. */
  readonly training: boolean;
  /** From which every random choice of this pass derives; the same seed gives the same pass. */
  readonly seed: number;
  /** Each layer's gradient computes the layer again, so that only its input is kept until then. */
  readonly checkpointing: boolean;
  /** The model as it is without adapters: the reference that preference tuning compares with. */
  readonly withoutAdapters?: boolean;
  /** What came before the batch's tokens in their sequences: each layer's attention takes its `layer(i)`. */
  readonly cache?: CachePass;
}
