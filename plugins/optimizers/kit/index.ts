/** What optimizers share, and what a third party's optimizer may build on: `evolving-alpaca/optimizers`. */

import type { OptimizerRequest, tf } from '../../../core/index.js';

export { KeptTensors } from './kept-tensors.js';

/** The weight decay of one variable: vectors (scales of norms, biases) have none, as in transformers' Trainer. */
export function decayOf(
  { rank }: tf.Variable,
  { weightDecay }: Pick<OptimizerRequest, 'weightDecay'>,
): number {
  return rank < 2 ? 0 : weightDecay;
}
