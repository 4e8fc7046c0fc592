/** LLaMA and its kin in Hugging Face layout: config.json, tokenizer.json, weights. */

import { defineBackbone, modelOf } from '../kit/define-backbone.js';
import { MODEL_TYPES, parseLlamaConfig } from './config.js';
import { ggufArchitectures } from './gguf.js';
import { LlamaModel } from './model.js';
import { readLlamaWeights } from './weights.js';

export default defineBackbone({
  name: 'llama',
  apiVersion: 2,
  modelTypes: MODEL_TYPES,
  gguf: ggufArchitectures,
  fromConfig: (json, path) => modelOf(parseLlamaConfig(json, path), readLlamaWeights, LlamaModel),
});
