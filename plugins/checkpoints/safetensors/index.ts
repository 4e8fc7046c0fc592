/** safetensors: single files, and folders sharded by an index; f32, f16 and bf16; reading and writing. */

import { definePlugin } from '../../../core/index.js';
import { openSafetensors } from './read.js';
import { writeSafetensors } from './write.js';

export default definePlugin({
  name: 'safetensors',
  apiVersion: 2,
  family: 'checkpoints',
  apply(trainer) {
    trainer.hooks.openCheckpoint.tap((path) => openSafetensors(path));
    trainer.hooks.writeCheckpoint.tap(async (request) => {
      if (!request.path.endsWith('.safetensors')) return undefined;
      await writeSafetensors(request);
      return true as const;
    });
  },
});
