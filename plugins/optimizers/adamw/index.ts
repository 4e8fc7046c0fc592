/** AdamW (arXiv 1711.05101), the default. */

import { definePlugin, z } from '../../../core/index.js';
import { AdamW } from './adamw.js';

const share = z.number().min(0).lt(1);

export default definePlugin({
  name: 'adamw',
  apiVersion: 2,
  family: 'optimizers',
  schema: z.strictObject({
    /** How much of the running means each step keeps; `train.adamBeta1` and `train.adamBeta2` where they are not said. */
    beta1: share.optional(),
    beta2: share.optional(),
    /** As torch.optim.AdamW's default. */
    epsilon: z.number().positive().default(1e-8),
  }),
  apply(trainer, { epsilon, ...given }) {
    trainer.hooks.makeOptimizer.tap((request) => {
      const { adamBeta1 = 0.9, adamBeta2 = 0.999 } = trainer.run?.train ?? {};
      return new AdamW(request, { beta1: adamBeta1, beta2: adamBeta2, ...given, epsilon });
    });
  },
});
