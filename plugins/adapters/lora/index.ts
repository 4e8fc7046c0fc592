/** LoRA (arXiv 2106.09685) on the linear layers that `targetModules` names, kept as PEFT keeps it. */

import { Breath, definePlugin } from '../../../core/index.js';
import { LoraLayer } from './layer.js';
import type { LoraOptions } from './options.js';
import { peftNames, readAdapter, writeAdapter } from './peft.js';
import { completeOptions, loraSchema } from './schema.js';
import { findTargets, targetsFor } from './targets.js';

export default definePlugin({
  name: 'lora',
  apiVersion: 2,
  family: 'adapters',
  schema: loraSchema,
  apply(trainer, given) {
    let options: LoraOptions;
    let layers: Map<string, LoraLayer>;
    trainer.hooks.injectAdapters.tap(async (model, files, { signal }) => {
      const breath = new Breath(signal);
      const folder = given.init === undefined ? undefined : await files.locate(given.init);
      options = completeOptions(given, folder);
      const { selection, r, alpha } = options;
      options = { ...options, targetModules: targetsFor(model, options.targetModules) };
      layers = new Map();
      for (const site of findTargets(model, options)) {
        if (breath.isDue) await breath.take();
        const own = {
          ...options,
          r: selection?.rankOf(site.name) ?? r,
          alpha: selection?.alphaOf(site.name) ?? alpha,
        };
        const layer = new LoraLayer(site, own, trainer.random.stream(`lora ${site.name}`));
        site.adapter = layer;
        layers.set(site.name, layer);
        const { a, b } = peftNames(site.name);
        model.trainable.set(a, layer.a);
        model.trainable.set(b, layer.b);
      }
      if (folder !== undefined) await readAdapter(folder, layers, model, files);
      return model;
    });
    trainer.hooks.save.tap((request) => writeAdapter(request, options, layers));
  },
});
