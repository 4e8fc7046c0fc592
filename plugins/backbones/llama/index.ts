/** LLaMA 1 to 3 and its kin (config.ts lists them) in Hugging Face layout: config.json, tokenizer.json, weights. */

import { definePlugin } from '../../../core/index.js';
import { gguf } from '../../checkpoints/kit/index.js';
import { loadTokenizer } from '../kit/tokenizer.js';
import { checkVocabulary } from '../kit/tokenizers/vocabulary.js';
import { MODEL_TYPES, parseLlamaConfig } from './config.js';
import { ggufArchitectures } from './gguf.js';
import { LlamaModel } from './model.js';
import { readLlamaWeights } from './weights.js';

export default definePlugin({
  name: 'llama',
  apiVersion: 2,
  family: 'backbones',
  apply(trainer) {
    trainer.provide(gguf.ARCHITECTURES, ...ggufArchitectures);
    trainer.hooks.loadModel.tap(async (request) => {
      request.takes(MODEL_TYPES);
      if (request.backbone !== 'auto' && request.backbone !== 'llama') return undefined;
      const json = await request.readJson('config.json');
      if (!json || !MODEL_TYPES.includes(String(json.model_type))) return undefined;
      const config = parseLlamaConfig(json, request.path);
      const tokenizer = await loadTokenizer(request);
      checkVocabulary(tokenizer, config.vocabularySize, request.path);
      return new LlamaModel(request.path, tokenizer, config, await readLlamaWeights(request, config));
    });
  },
});
