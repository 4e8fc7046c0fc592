import type { EmbeddingSite, LanguageModel, LinearSite, ModelRequest, tf } from '../../../../core/index.js';
import { WeightReader } from '../../kit/weight-reader.js';
import type { ChatGlm2Config } from './config.js';

export interface ChatGlm2Layer {
  readonly inputNorm: tf.Tensor1D;
  /** All queries, then all keys, then all values. */
  readonly queryKeyValue: LinearSite;
  readonly attentionOutput: LinearSite;
  readonly postAttentionNorm: tf.Tensor1D;
  /** The gate, then what it lets through. */
  readonly gateAndUp: LinearSite;
  readonly down: LinearSite;
}

export interface ChatGlm2Weights {
  readonly embedding: EmbeddingSite;
  readonly layers: readonly ChatGlm2Layer[];
  readonly norm: tf.Tensor1D;
  readonly output: LinearSite;
  readonly vectors: LanguageModel['vectors'];
}

/** Reads the tensors of a ChatGLM2 or ChatGLM3, under the names of its own implementation. */
export async function readChatGlm2Weights(
  request: ModelRequest,
  config: ChatGlm2Config,
): Promise<ChatGlm2Weights> {
  const reader = await WeightReader.open(request);
  const { hiddenSize, ffnSize, heads, kvHeads, headDim, vocabularySize } = config;
  const embeddingShape = [vocabularySize, hiddenSize] as const;
  const embedding = await reader.embedding('transformer.embedding.word_embeddings', embeddingShape);
  const layers: ChatGlm2Layer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `transformer.encoder.layers.${i}`;
    const fused = (heads + 2 * kvHeads) * headDim;
    const { fusedBias } = config;
    layers.push({
      inputNorm: await reader.vector(`${at}.input_layernorm.weight`, hiddenSize),
      queryKeyValue: await reader.linear(
        `${at}.self_attention.query_key_value`,
        [fused, hiddenSize],
        fusedBias,
      ),
      attentionOutput: await reader.linear(`${at}.self_attention.dense`, [hiddenSize, heads * headDim]),
      postAttentionNorm: await reader.vector(`${at}.post_attention_layernorm.weight`, hiddenSize),
      gateAndUp: await reader.linear(`${at}.mlp.dense_h_to_4h`, [2 * ffnSize, hiddenSize]),
      down: await reader.linear(`${at}.mlp.dense_4h_to_h`, [hiddenSize, ffnSize]),
    });
  }
  const norm = await reader.vector('transformer.encoder.final_layernorm.weight', hiddenSize);
  const output = await reader.output('transformer.output_layer', embeddingShape);
  reader.finish();
  return { embedding, layers, norm, output, vectors: reader.vectors };
}
