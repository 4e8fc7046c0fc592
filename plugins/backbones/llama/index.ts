/** LLaMA and its kin in Hugging Face layout: config.json, tokenizer.json, weights. */

import { defineBackbone } from '../kit/define-backbone.js';
import { MODEL_TYPES, parseLlamaConfig } from './config.js';
import { ggufArchitectures } from './gguf.js';
import { LlamaModel } from './model.js';
import { readLlamaWeights } from './weights.js';

export default defineBackbone({
  name: 'llama',
  apiVersion: 2,
  modelTypes: MODEL_TYPES,
  gguf: ggufArchitectures,
  fromConfig(json, path) {
    const config = parseLlamaConfig(json, path);
    return {
      vocabularySize: config.vocabularySize,
      loadModel: async (request) =>
        new LlamaModel(request.path, config, await readLlamaWeights(request, config)),
    };
  },
});
