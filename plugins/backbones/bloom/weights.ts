import type { EmbeddingSite, LanguageModel, LinearSite, ModelRequest } from '../../../core/index.js';
import { type LayerNormWeights, WeightReader } from '../kit/weight-reader.js';
import type { BloomConfig } from './config.js';

export interface BloomLayer {
  readonly inputNorm: LayerNormWeights;
  /** Head by head: its query, its key, its value. */
  readonly queryKeyValue: LinearSite;
  readonly attentionOutput: LinearSite;
  readonly postAttentionNorm: LayerNormWeights;
  readonly up: LinearSite;
  readonly down: LinearSite;
}

export interface BloomWeights {
  readonly embedding: EmbeddingSite;
  readonly embeddingNorm: LayerNormWeights;
  readonly layers: readonly BloomLayer[];
  readonly norm: LayerNormWeights;
  readonly output: LinearSite;
  readonly vectors: LanguageModel['vectors'];
}

/** Reads the tensors of a BLOOM, under the names that transformers gives them. */
export async function readBloomWeights(request: ModelRequest, config: BloomConfig): Promise<BloomWeights> {
  // bigscience's own checkpoints are of the model without its output, and have names without the prefix.
  const reader = await WeightReader.open(request, 'transformer.');
  const { hiddenSize, intermediateSize, vocabularySize } = config;

  const table = 'transformer.word_embeddings';
  const embeddingShape = [vocabularySize, hiddenSize] as const;
  const embedding = await reader.embedding(table, embeddingShape, config.tiedOutput ? 'lm_head' : undefined);
  const embeddingNorm = await reader.layerNorm(`${table}_layernorm`, hiddenSize);
  const layers: BloomLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `transformer.h.${i}`;
    layers.push({
      inputNorm: await reader.layerNorm(`${at}.input_layernorm`, hiddenSize),
      queryKeyValue: await reader.linear(
        `${at}.self_attention.query_key_value`,
        [3 * hiddenSize, hiddenSize],
        true,
      ),
      attentionOutput: await reader.linear(`${at}.self_attention.dense`, [hiddenSize, hiddenSize], true),
      postAttentionNorm: await reader.layerNorm(`${at}.post_attention_layernorm`, hiddenSize),
      up: await reader.linear(`${at}.mlp.dense_h_to_4h`, [intermediateSize, hiddenSize], true),
      down: await reader.linear(`${at}.mlp.dense_4h_to_h`, [hiddenSize, intermediateSize], true),
    });
  }
  const lastNorm = await reader.layerNorm('transformer.ln_f', hiddenSize);
  const output = await reader.output('lm_head', embeddingShape, config.tiedOutput ? embedding : undefined);
  reader.finish();
  return { embedding, embeddingNorm, layers, norm: lastNorm, output, vectors: reader.vectors };
}
