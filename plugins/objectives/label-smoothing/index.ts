/**
 * Cross-entropy against a target that leaves a share to all other tokens (arXiv 1512.00567), as PyTorch's
 * `cross_entropy(label_smoothing=…)`: `(1 − smoothing) · CE + smoothing · mean of −log p over the vocabulary`. Held-out
 * rows are measured by plain cross-entropy, so that runs can be compared.
 */

import { definePlugin, IGNORED, tf, z } from '../../../core/index.js';

export default definePlugin({
  name: 'label-smoothing',
  apiVersion: 2,
  family: 'objectives',
  schema: z.strictObject({
    /** The share of the target that is spread evenly over the vocabulary. */
    smoothing: z.number().min(0).lt(1).default(0.1),
  }),
  apply(trainer, { smoothing }) {
    trainer.hooks.makeObjective.tap(() => ({
      measuresCrossEntropy: true,
      loss(model, batch, pass) {
        if (!pass.training) return model.crossEntropy(batch, pass);
        const at = [...batch.labels.keys()].filter((i) => batch.labels[i] !== IGNORED);
        const logits = model.logits(
          batch,
          pass,
          Int32Array.from(at, (i) => i - 1),
        );
        const vocabulary = logits.shape[1];
        const oneHot = tf.oneHot(
          Int32Array.from(at, (i) => batch.labels[i]),
          vocabulary,
        );
        const target = tf.add(tf.mul(oneHot, 1 - smoothing), smoothing / vocabulary);
        const each = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), target), 1)) as tf.Tensor1D;
        pass.tellLosses?.(tf.keep(tf.clone(each)));
        return tf.sum(each) as tf.Scalar;
      },
    }));
  },
});
