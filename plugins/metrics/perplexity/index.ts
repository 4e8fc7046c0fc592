/** The perplexity of the held-out rows: e to the mean cross-entropy of a target token, whatever the objective. */

import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'perplexity',
  apiVersion: 2,
  family: 'metrics',
  apply(trainer) {
    trainer.hooks.evaluate.tap(async (metrics, { crossEntropy }) => ({
      ...metrics,
      perplexity: Math.exp(await crossEntropy()),
    }));
  },
});
