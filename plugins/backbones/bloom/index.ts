/** BLOOM and BLOOMZ in Hugging Face layout: config.json with model_type "bloom", tokenizer.json, weights. */

import { definePlugin } from '../../../core/index.js';
import { gguf } from '../../checkpoints/kit/index.js';
import { loadTokenizer } from '../kit/tokenizer.js';
import { checkVocabulary } from '../kit/tokenizers/vocabulary.js';
import { parseBloomConfig } from './config.js';
import { ggufArchitectures } from './gguf.js';
import { BloomModel } from './model.js';
import { readBloomWeights } from './weights.js';

export default definePlugin({
  name: 'bloom',
  apiVersion: 2,
  family: 'backbones',
  apply(trainer) {
    trainer.provide(gguf.ARCHITECTURES, ...ggufArchitectures);
    trainer.hooks.loadModel.tap(async (request) => {
      request.takes(['bloom']);
      if (request.backbone !== 'auto' && request.backbone !== 'bloom') return undefined;
      const json = await request.readJson('config.json');
      if (json?.model_type !== 'bloom') return undefined;
      const config = parseBloomConfig(json, request.path);
      const tokenizer = await loadTokenizer(request);
      checkVocabulary(tokenizer, config.vocabularySize, request.path);
      return new BloomModel(request.path, tokenizer, config, await readBloomWeights(request, config));
    });
  },
});
