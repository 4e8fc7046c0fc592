/** Stores the frozen linear layers in one byte a number. Embeddings, norms and the output layer stay as they are. */

import { definePlugin, z } from '../../../core/index.js';
import { quantizeLinears } from '../kit/linear-weights.js';
import { int8Storing } from './int8-weight.js';

export default definePlugin({
  name: 'int8',
  apiVersion: 2,
  family: 'quantizers',
  schema: z.strictObject({ compute: z.enum(['int8', 'bf16', 'fp32']).optional() }),
  apply(trainer, { compute }) {
    trainer.hooks.quantize.tap((model, context) => quantizeLinears(model, int8Storing(compute), context));
  },
});
