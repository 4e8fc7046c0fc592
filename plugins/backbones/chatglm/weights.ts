import type { EmbeddingSite, LanguageModel, LinearSite, ModelRequest } from '../../../core/index.js';
import { type LayerNormWeights, WeightReader } from '../kit/weight-reader.js';
import type { ChatGlmConfig } from './config.js';

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

  const embeddingShape = [vocabularySize, hiddenSize] as const;
  const embedding = await reader.embedding(
    'transformer.word_embeddings',
    embeddingShape,
    config.tiedOutput ? 'lm_head' : undefined,
  );
  const layers: ChatGlmLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `transformer.layers.${i}`;
    layers.push({
      inputNorm: await reader.layerNorm(`${at}.input_layernorm`, hiddenSize),
      queryKeyValue: await reader.linear(
        `${at}.attention.query_key_value`,
        [3 * hiddenSize, hiddenSize],
        true,
      ),
      attentionOutput: await reader.linear(`${at}.attention.dense`, [hiddenSize, hiddenSize], true),
      postAttentionNorm: await reader.layerNorm(`${at}.post_attention_layernorm`, hiddenSize),
      up: await reader.linear(`${at}.mlp.dense_h_to_4h`, [innerSize, hiddenSize], true),
      down: await reader.linear(`${at}.mlp.dense_4h_to_h`, [hiddenSize, innerSize], true),
    });
  }
  const finalNorm = await reader.layerNorm('transformer.final_layernorm', hiddenSize);
  const output = await reader.output('lm_head', embeddingShape, config.tiedOutput ? embedding : undefined);
  reader.finish();
  return { embedding, layers, norm: finalNorm, output, vectors: reader.vectors };
}
