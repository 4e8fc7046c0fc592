/** GGUF: one file with weights, configuration and tokenizer, as llama.cpp loads it; writing. */

import { definePlugin } from '../../../core/index.js';
import { writeGguf } from './write.js';

export default definePlugin({
  name: 'gguf',
  apiVersion: 1,
  family: 'checkpoints',
  apply(trainer) {
    trainer.hooks.writeCheckpoint.tap(async (request) => {
      if (!request.path.endsWith('.gguf')) return undefined;
      await writeGguf(request);
      return true as const;
    });
  },
});
