/** BLOOM and BLOOMZ in Hugging Face layout: config.json with model_type "bloom", tokenizer.json, weights. */

import { defineBackbone, modelOf } from '../kit/define-backbone.js';
import { parseBloomConfig } from './config.js';
import { ggufArchitectures } from './gguf.js';
import { BloomModel } from './model.js';
import { readBloomWeights } from './weights.js';

export default defineBackbone({
  name: 'bloom',
  apiVersion: 2,
  modelTypes: ['bloom'],
  gguf: ggufArchitectures,
  fromConfig: (json, path) => modelOf(parseBloomConfig(json, path), readBloomWeights, BloomModel),
});
