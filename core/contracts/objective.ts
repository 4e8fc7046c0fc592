/** What objective plugins make: the loss that training lowers. */

import type { tf } from '../base/tf.js';
import type { LanguageModel } from './backbone.js';
import type { Batch } from './batch.js';
import type { Pass } from './pass.js';

export interface Objective {
  /**
   * The loss summed over the batch's target tokens, a scalar; differentiable by the model's trainable variables. It is
   * called in evaluation too, with `pass.training` false. It is synchronous, because it runs while gradients are recorded.
   */
  loss(model: LanguageModel, batch: Batch, pass: Pass): tf.Scalar;
  /** In evaluation the loss is the model's cross-entropy. Metrics that need it then take it from there. */
  readonly measuresCrossEntropy?: boolean | undefined;
}
