import {
  EmbeddingSite,
  type LanguageModel,
  LinearSite,
  type ModelRequest,
  type tf,
} from '../../../core/index.js';
import { WeightReader } from '../weight-reader.js';
import type { LlamaConfig } from './config.js';

export interface LlamaLayer {
  readonly inputNorm: tf.Tensor1D;
  readonly query: LinearSite;
  readonly key: LinearSite;
  readonly value: LinearSite;
  /** `[headDim]`, where queries and keys are normalized head by head. */
  readonly headNorms?: { readonly query: tf.Tensor1D; readonly key: tf.Tensor1D };
  readonly attentionOutput: LinearSite;
  readonly postAttentionNorm: tf.Tensor1D;
  readonly gate: LinearSite;
  readonly up: LinearSite;
  readonly down: LinearSite;
}

export interface LlamaWeights {
  readonly embedding: EmbeddingSite;
  readonly layers: readonly LlamaLayer[];
  readonly norm: tf.Tensor1D;
  readonly output: LinearSite;
  readonly vectors: LanguageModel['vectors'];
}

/** Reads the tensors of a LLaMA or its kin, under the names that transformers gives them. */
export async function readLlamaWeights(request: ModelRequest, config: LlamaConfig): Promise<LlamaWeights> {
  const reader = await WeightReader.open(request, 'model.');
  const { hiddenSize, intermediateSize, headDim, biases } = config;
  const site = async (name: string, out: number, columns: number, hasBias: boolean) => {
    const weight = await reader.matrix(`${name}.weight`, [out, columns]);
    return new LinearSite(name, weight, hasBias ? await reader.vector(`${name}.bias`, out) : null);
  };

  const embeddingShape = [config.vocabularySize, hiddenSize] as const;
  const embeddingWeight = await reader.matrix('model.embed_tokens.weight', embeddingShape);
  const embedding = new EmbeddingSite('model.embed_tokens', embeddingWeight);
  const [queries, keys] = [config.heads * headDim, config.kvHeads * headDim];
  const layers: LlamaLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `model.layers.${i}`;
    layers.push({
      inputNorm: await reader.vector(`${at}.input_layernorm.weight`, hiddenSize),
      query: await site(`${at}.self_attn.q_proj`, queries, hiddenSize, biases.queryKeyValue),
      key: await site(`${at}.self_attn.k_proj`, keys, hiddenSize, biases.queryKeyValue),
      value: await site(`${at}.self_attn.v_proj`, keys, hiddenSize, biases.queryKeyValue),
      headNorms: config.hasHeadNorms
        ? {
            query: await reader.vector(`${at}.self_attn.q_norm.weight`, headDim),
            key: await reader.vector(`${at}.self_attn.k_norm.weight`, headDim),
          }
        : undefined,
      attentionOutput: await site(`${at}.self_attn.o_proj`, hiddenSize, queries, biases.attentionOutput),
      postAttentionNorm: await reader.vector(`${at}.post_attention_layernorm.weight`, hiddenSize),
      gate: await site(`${at}.mlp.gate_proj`, intermediateSize, hiddenSize, biases.feedForward),
      up: await site(`${at}.mlp.up_proj`, intermediateSize, hiddenSize, biases.feedForward),
      down: await site(`${at}.mlp.down_proj`, hiddenSize, intermediateSize, biases.feedForward),
    });
  }
  const norm = await reader.vector('model.norm.weight', hiddenSize);
  const outputWeight = config.tiedOutput
    ? await reader.tied('lm_head.weight', embeddingShape, embeddingWeight)
    : await reader.matrix('lm_head.weight', embeddingShape);
  reader.finish();
  const output = new LinearSite('lm_head', outputWeight, null, true);
  return { embedding, layers, norm, output, vectors: reader.vectors };
}
