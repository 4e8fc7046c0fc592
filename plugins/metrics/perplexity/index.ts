/** The perplexity of the held-out rows: e to the mean loss of a target token. */

import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'perplexity',
  apiVersion: 2,
  family: 'metrics',
  apply(trainer) {
    trainer.hooks.evaluate.tap((metrics) => ({ ...metrics, perplexity: Math.exp(metrics.evalLoss) }));
  },
});
