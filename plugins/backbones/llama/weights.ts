import type { EmbeddingSite, LanguageModel, LinearSite, ModelRequest, tf } from '../../../core/index.js';
import { WeightReader } from '../kit/weight-reader.js';
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
  const embeddingShape = [config.vocabularySize, hiddenSize] as const;
  const embedding = await reader.embedding(
    'model.embed_tokens',
    embeddingShape,
    config.tiedOutput ? 'lm_head' : undefined,
  );
  const [queries, keys] = [config.heads * headDim, config.kvHeads * headDim];
  const layers: LlamaLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `model.layers.${i}`;
    layers.push({
      inputNorm: await reader.vector(`${at}.input_layernorm.weight`, hiddenSize),
      query: await reader.linear(`${at}.self_attn.q_proj`, [queries, hiddenSize], biases.queryKeyValue),
      key: await reader.linear(`${at}.self_attn.k_proj`, [keys, hiddenSize], biases.queryKeyValue),
      value: await reader.linear(`${at}.self_attn.v_proj`, [keys, hiddenSize], biases.queryKeyValue),
      headNorms: config.hasHeadNorms
        ? {
            query: await reader.vector(`${at}.self_attn.q_norm.weight`, headDim),
            key: await reader.vector(`${at}.self_attn.k_norm.weight`, headDim),
          }
        : undefined,
      attentionOutput: await reader.linear(
        `${at}.self_attn.o_proj`,
        [hiddenSize, queries],
        biases.attentionOutput,
      ),
      postAttentionNorm: await reader.vector(`${at}.post_attention_layernorm.weight`, hiddenSize),
      gate: await reader.linear(`${at}.mlp.gate_proj`, [intermediateSize, hiddenSize], biases.feedForward),
      up: await reader.linear(`${at}.mlp.up_proj`, [intermediateSize, hiddenSize], biases.feedForward),
      down: await reader.linear(`${at}.mlp.down_proj`, [hiddenSize, intermediateSize], biases.feedForward),
    });
  }
  const norm = await reader.vector('model.norm.weight', hiddenSize);
  const output = await reader.output('lm_head', embeddingShape, config.tiedOutput ? embedding : undefined);
  reader.finish();
  return { embedding, layers, norm, output, vectors: reader.vectors };
}
