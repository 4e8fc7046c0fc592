/** Stochastic gradient descent with momentum, as torch.optim.SGD computes it. */

import { definePlugin, tf, z } from '../../../core/index.js';
import { perVariable } from '../kit/index.js';

export default definePlugin({
  name: 'sgd',
  apiVersion: 2,
  family: 'optimizers',
  schema: z.strictObject({
    /** How much of the running sum of gradients each step keeps. */
    momentum: z.number().min(0).lt(1).default(0),
  }),
  apply(trainer, { momentum }) {
    // v ← momentum · v + g + decay · w, w ← w − lr · v.
    trainer.hooks.makeOptimizer.tap((request) =>
      momentum === 0
        ? perVariable(request, [], ({ value, gradient, learningRate, weightDecay }) => {
            const step = tf.add(gradient, tf.mul(value, weightDecay));
            return { value: tf.sub(value, tf.mul(step, learningRate)) };
          })
        : perVariable(request, ['velocity'], ({ value, gradient, kept, learningRate, weightDecay }) => {
            const step = tf.add(gradient, tf.mul(value, weightDecay));
            const velocity = tf.add(tf.mul(kept.velocity, momentum), step);
            return { value: tf.sub(value, tf.mul(velocity, learningRate)), velocity };
          }),
    );
  },
});
