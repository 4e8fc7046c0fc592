/** LLaMA-1 and LLaMA-2 in Hugging Face layout: config.json with model_type "llama", tokenizer.json, weights. */

import { definePlugin } from '../../../core/index.js';
import { loadTokenizer } from '../tokenizer.js';
import { checkVocabulary } from '../tokenizers/vocabulary.js';
import { parseLlamaConfig } from './config.js';
import { LlamaModel } from './model.js';
import { readLlamaWeights } from './weights.js';

export default definePlugin({
  name: 'llama',
  apiVersion: 1,
  family: 'backbones',
  apply(trainer) {
    trainer.hooks.loadModel.tap(async (request) => {
      if (request.backbone !== 'auto' && request.backbone !== 'llama') return undefined;
      const json = await request.readJson('config.json');
      if (json?.model_type !== 'llama') return undefined;
      const config = parseLlamaConfig(json, request.path);
      const tokenizer = await loadTokenizer(request);
      checkVocabulary(tokenizer, config.vocabularySize, request.path);
      return new LlamaModel(request.path, tokenizer, config, await readLlamaWeights(request, config));
    });
  },
});
