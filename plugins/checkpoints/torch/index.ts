/**
 * PyTorch's own files, as torch.save writes them: single ones, and folders sharded by an index; f32, f16 and bf16;
 * reading. The pickle in them is read, never executed.
 */

import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'torch',
  apiVersion: 2,
  family: 'checkpoints',
  apply(trainer) {
    // A folder that has the same weights as safetensors is read from those.
    trainer.hooks.openCheckpoint.tap(
      async (path) => {
        // Most runs need none of it, and need not wait for it to load.
        const { openTorch } = await import('./read.js');
        return openTorch(path);
      },
      { stage: 1 },
    );
  },
});
