/** The Hugging Face hub, or one like it: `owner/name` -> files in the cache that Python's huggingface_hub shares. */

import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'huggingface',
  apiVersion: 2,
  family: 'hubs',
  apply(trainer) {
    trainer.hooks.locateModel.tap(async (request) => {
      // Most runs ask no hub, and need not wait for its library to load.
      const { locate } = await import('./locate.js');
      return locate(request, trainer.notice);
    });
    trainer.hooks.locateData.tap(async (request) => {
      const { locateData } = await import('./locate-data.js');
      return locateData(request, trainer.notice);
    });
  },
});
