import {
  EmbeddingSite,
  type LanguageModel,
  LinearSite,
  type ModelRequest,
  type tf,
} from '../../../core/index.js';
import { WeightReader } from '../weight-reader.js';
import type { BloomConfig } from './config.js';

export interface Norm {
  readonly weight: tf.Tensor1D;
  readonly bias: tf.Tensor1D;
}

export interface BloomLayer {
  readonly inputNorm: Norm;
  /** Head by head: its query, its key, its value. */
  readonly queryKeyValue: LinearSite;
  readonly attentionOutput: LinearSite;
  readonly postAttentionNorm: Norm;
  readonly up: LinearSite;
  readonly down: LinearSite;
}

export interface BloomWeights {
  readonly embedding: EmbeddingSite;
  readonly embeddingNorm: Norm;
  readonly layers: readonly BloomLayer[];
  readonly norm: Norm;
  readonly output: LinearSite;
  readonly vectors: LanguageModel['vectors'];
}

/** Reads the tensors of a BLOOM, under the names that transformers gives them. */
export async function readBloomWeights(request: ModelRequest, config: BloomConfig): Promise<BloomWeights> {
  // bigscience's own checkpoints are of the model without its output, and have names without the prefix.
  const reader = await WeightReader.open(request, 'transformer.');
  const { hiddenSize, intermediateSize, vocabularySize } = config;
  const norm = async (name: string): Promise<Norm> => ({
    weight: await reader.vector(`${name}.weight`, hiddenSize),
    bias: await reader.vector(`${name}.bias`, hiddenSize),
  });
  const site = async (name: string, out: number, columns: number) => {
    const weight = await reader.matrix(`${name}.weight`, [out, columns]);
    return new LinearSite(name, weight, await reader.vector(`${name}.bias`, out));
  };

  const table = 'transformer.word_embeddings';
  const embeddingShape = [vocabularySize, hiddenSize] as const;
  const embeddingWeight = await reader.matrix(`${table}.weight`, embeddingShape);
  const embedding = new EmbeddingSite(table, embeddingWeight);
  const embeddingNorm = await norm(`${table}_layernorm`);
  const layers: BloomLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `transformer.h.${i}`;
    layers.push({
      inputNorm: await norm(`${at}.input_layernorm`),
      queryKeyValue: await site(`${at}.self_attention.query_key_value`, 3 * hiddenSize, hiddenSize),
      attentionOutput: await site(`${at}.self_attention.dense`, hiddenSize, hiddenSize),
      postAttentionNorm: await norm(`${at}.post_attention_layernorm`),
      up: await site(`${at}.mlp.dense_h_to_4h`, intermediateSize, hiddenSize),
      down: await site(`${at}.mlp.dense_4h_to_h`, hiddenSize, intermediateSize),
    });
  }
  const lastNorm = await norm('transformer.ln_f');
  const outputWeight = config.tiedOutput
    ? await reader.tied('lm_head.weight', embeddingShape, embeddingWeight)
    : await reader.matrix('lm_head.weight', embeddingShape);
  reader.finish();
  const output = new LinearSite('lm_head', outputWeight, null, true);
  return { embedding, embeddingNorm, layers, norm: lastNorm, output, vectors: reader.vectors };
}
