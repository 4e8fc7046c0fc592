/**
 * GGUF, the file of llama.cpp with everything in it: tensors, plain and in blocks of small integers, the model's
 * settings and its tokenizer. Reads and writes LLaMA, Mistral, Qwen2, Qwen3 and BLOOM.
 */

import { definePlugin } from '../../../core/index.js';
import { openGguf } from './read.js';
import { writeGguf } from './write.js';

export default definePlugin({
  name: 'gguf',
  apiVersion: 2,
  family: 'checkpoints',
  apply(trainer) {
    // A folder that has the weights in another format too is read from that, which is not quantized.
    trainer.hooks.openCheckpoint.tap((path) => openGguf(path), { stage: 2 });
    trainer.hooks.writeCheckpoint.tap(async (request) => {
      if (!request.path.endsWith('.gguf')) return undefined;
      await writeGguf(request);
      return true as const;
    });
  },
});
