/** Stores the frozen linear layers in one byte a number. Embeddings, norms and the output layer stay as they are. */

import { definePlugin, EvolveError } from '../../../core/index.js';
import { quantizeInt8 } from './int8-weight.js';

export default definePlugin({
  name: 'int8',
  apiVersion: 1,
  family: 'quantizers',
  apply(trainer) {
    trainer.hooks.quantize.tap((model) => {
      for (const site of model.linears) {
        if (site.isOutput) continue;
        try {
          site.weight = quantizeInt8(site.weight);
        } catch (cause) {
          const message = `${model.path}: ${site.name}.weight: ${(cause as Error).message}`;
          throw new EvolveError('CHECKPOINT_INVALID', message, 'Get the checkpoint again.', { cause });
        }
      }
      return model;
    });
  },
});
