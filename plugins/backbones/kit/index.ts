/** What backbones share, and what a third party's backbone may build on: `evolving-alpaca/backbones`. */

export { CausalModel, type CausalModelParts, concatenate } from './causal-model.js';
export { encodeExample, encodePrompt, encodeTurns } from './encode.js';
export { alpacaPrompt } from './prompt.js';
export { type LoadedTokenizer, loadTokenizer, type SentencePieceOptions } from './tokenizer.js';
export { type LayerNormWeights, WeightReader } from './weight-reader.js';
