/** The cross-entropy of the next token, computed in one with the output layer. The default. */

import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'next-token',
  apiVersion: 2,
  family: 'objectives',
  apply(trainer) {
    trainer.hooks.makeObjective.tap(() => ({
      loss: (model, batch, pass) => model.crossEntropy(batch, pass),
      measuresCrossEntropy: true,
    }));
  },
});
