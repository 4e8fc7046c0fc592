/** What objective plugins make: the loss that training lowers. */

import type * as tf from '@tensorflow/tfjs';
import type { LanguageModel } from './backbone.js';
import type { Batch } from './batch.js';
import type { Pass } from './pass.js';

export interface Objective {
  /**
   * The loss summed over the batch's target tokens, a scalar; differentiable by the model's trainable variables. It is
   * asked in evaluation too, with `pass.training` false. It runs while gradients are recorded, hence is synchronous.
   */
  loss(model: LanguageModel, batch: Batch, pass: Pass): tf.Scalar;
}
