/** What backbones share, and what a third party's backbone may build on: `evolving-alpaca/backbones`. */

export {
  attend,
  type LayerAttention,
  type QueriesKeysValues,
  splitFused,
  splitHeads,
} from './attention.js';
export { CausalModel, type CausalModelParts, concatenate } from './causal-model.js';
export { type Backbone, type ConfiguredModel, defineBackbone } from './define-backbone.js';
export { CausalEncoder, refusePreference } from './encoder.js';
export {
  encodeExchange,
  encodeTokens,
  exchangesOfPrompt,
  joinPieces,
  type Piece,
  piecesOf,
} from './label-mask.js';
export { type LoadedTokenizer, loadTokenizer, type SentencePieceOptions } from './tokenizer.js';
export { type LayerNormWeights, WeightReader } from './weight-reader.js';
