/**
 * Stores the frozen linear layers in half a byte a number, as QLoRA does. Embeddings, norms and the output layer stay
 * as they are.
 */

import { definePlugin, z } from '../../../core/index.js';
import { quantizeLinears } from '../kit/linear-weights.js';
import { nf4Storing } from './quantize.js';

export default definePlugin({
  name: 'nf4',
  apiVersion: 2,
  family: 'quantizers',
  schema: z.strictObject({
    /** Stores the scales of the blocks in one byte instead of four: 4.13 bits a number instead of 4.5. */
    doubleQuantization: z.boolean().default(true),
    compute: z.enum(['bf16', 'fp32']).optional(),
  }),
  apply(trainer, options) {
    trainer.hooks.quantize.tap((model, context) => quantizeLinears(model, nf4Storing(options), context));
  },
});
