/** How a model computes a pass. */

import type { tf } from '../base/tf.js';
import type { CachePass } from './cache.js';

/** What is particular to one pass through a model. */
export interface Pass {
  /** Dropout is active. */
  readonly training: boolean;
  /** Every random choice of this pass derives from it. The same seed gives the same pass. */
  readonly seed: number;
  /** The gradient of each layer computes the layer again, so that only the layer's input is kept until then. */
  readonly checkpointing: boolean;
  /** The model as it is without adapters: the reference that preference tuning compares with. */
  readonly withoutAdapters?: boolean | undefined;
  /**
   * Is told the loss of each target token, `[targets]`, in the batch's order: what the objective sums. It disposes the tensor.
   * An objective whose loss is no such sum does not tell.
   */
  readonly tellLosses?: ((losses: tf.Tensor1D) => void) | undefined;
  /** What came before the batch's tokens in their sequences: each layer's attention takes its `layer(i)`. */
  readonly cache?: CachePass | undefined;
}
