/**
 * GGUF, the file of llama.cpp with everything in it: tensors, plain and in blocks of small integers, the model's
 * settings and its tokenizer. Which models it reads and writes the backbones say: they provide a description of each
 * architecture.
 */

import { definePlugin } from '../../../core/index.js';
import { ARCHITECTURES } from '../kit/gguf/index.js';

export default definePlugin({
  name: 'gguf',
  apiVersion: 2,
  family: 'checkpoints',
  apply(trainer) {
    const architectures = () => trainer.provided(ARCHITECTURES);
    // A folder that has the weights in another format too is read from that, which is not quantized.
    trainer.hooks.openCheckpoint.tap(
      async (path) => {
        // Most runs need none of it, and need not wait for it to load.
        const { openGguf } = await import('./read.js');
        return openGguf(path, architectures());
      },
      { stage: 2 },
    );
    trainer.hooks.writeCheckpoint.tap(async (request) => {
      if (!request.path.endsWith('.gguf')) return undefined;
      const { writeGguf } = await import('./write.js');
      await writeGguf(request, architectures());
      return true as const;
    });
  },
});
