import {
  EmbeddingSite,
  type LanguageModel,
  LinearSite,
  type ModelRequest,
  type tf,
} from '../../../core/index.js';
import { WeightReader } from '../weight-reader.js';
import type { ChatGlmConfig } from './config.js';

/** Scale and shift of a layer norm. */
export interface LayerNormWeights {
  readonly weight: tf.Tensor1D;
  readonly bias: tf.Tensor1D;
}

export interface ChatGlmLayer {
  readonly inputNorm: LayerNormWeights;
  /** Of each head its query, key and value, `[heads, 3, headDim]`. */
  readonly queryKeyValue: LinearSite;
  readonly attentionOutput: LinearSite;
  readonly postAttentionNorm: LayerNormWeights;
  readonly up: LinearSite;
  readonly down: LinearSite;
}

export interface ChatGlmWeights {
  readonly embedding: EmbeddingSite;
  readonly layers: readonly ChatGlmLayer[];
  readonly norm: LayerNormWeights;
  readonly output: LinearSite;
  readonly vectors: LanguageModel['vectors'];
}

/** Reads the tensors of a ChatGLM-6B, under the names of its own implementation. The rotary frequencies are computed. */
export async function readChatGlmWeights(
  request: ModelRequest,
  config: ChatGlmConfig,
): Promise<ChatGlmWeights> {
  const reader = await WeightReader.open(request);
  const { hiddenSize, innerSize, vocabularySize } = config;
  const site = async (name: string, out: number, columns: number) =>
    new LinearSite(
      name,
      await reader.matrix(`${name}.weight`, [out, columns]),
      await reader.vector(`${name}.bias`, out),
    );
  const norm = async (name: string): Promise<LayerNormWeights> => ({
    weight: await reader.vector(`${name}.weight`, hiddenSize),
    bias: await reader.vector(`${name}.bias`, hiddenSize),
  });

  const embeddingShape = [vocabularySize, hiddenSize] as const;
  const embeddingWeight = await reader.matrix('transformer.word_embeddings.weight', embeddingShape);
  const embedding = new EmbeddingSite('transformer.word_embeddings', embeddingWeight);
  const layers: ChatGlmLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `transformer.layers.${i}`;
    layers.push({
      inputNorm: await norm(`${at}.input_layernorm`),
      queryKeyValue: await site(`${at}.attention.query_key_value`, 3 * hiddenSize, hiddenSize),
      attentionOutput: await site(`${at}.attention.dense`, hiddenSize, hiddenSize),
      postAttentionNorm: await norm(`${at}.post_attention_layernorm`),
      up: await site(`${at}.mlp.dense_h_to_4h`, innerSize, hiddenSize),
      down: await site(`${at}.mlp.dense_4h_to_h`, hiddenSize, innerSize),
    });
  }
  const finalNorm = await norm('transformer.final_layernorm');
  const outputWeight = config.tiedOutput
    ? await reader.tied('lm_head.weight', embeddingShape, embeddingWeight)
    : await reader.matrix('lm_head.weight', embeddingShape);
  reader.finish();
  const output = new LinearSite('lm_head', outputWeight, null, true);
  return { embedding, layers, norm: finalNorm, output, vectors: reader.vectors };
}
