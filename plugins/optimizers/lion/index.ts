/** Lion (arXiv 2302.06675): steps of one size, by the sign of a running mean. It wants about a tenth of AdamW's rate. */

import { definePlugin, tf, z } from '../../../core/index.js';
import { perVariable } from '../kit/index.js';

const share = z.number().min(0).lt(1);

export default definePlugin({
  name: 'lion',
  apiVersion: 2,
  family: 'optimizers',
  schema: z.strictObject({
    /** The mean's share in the direction of a step. */
    beta1: share.default(0.9),
    /** How much of the mean each step keeps. */
    beta2: share.default(0.99),
  }),
  apply(trainer, { beta1, beta2 }) {
    // w ← w (1 − lr · decay) − lr · sign(β1 m + (1 − β1) g), then m ← β2 m + (1 − β2) g.
    trainer.hooks.makeOptimizer.tap((request) =>
      perVariable(request, ['mean'], ({ value, gradient, kept, learningRate, weightDecay }) => {
        const blend = (beta: number) => tf.add(tf.mul(kept.mean, beta), tf.mul(gradient, 1 - beta));
        const decayed = tf.mul(value, 1 - learningRate * weightDecay);
        return { value: tf.sub(decayed, tf.mul(tf.sign(blend(beta1)), learningRate)), mean: blend(beta2) };
      }),
    );
  },
});
