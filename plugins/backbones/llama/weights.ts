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

/** Reads the tensors of a LLaMA, under the names that transformers gives them. */
export async function readLlamaWeights(request: ModelRequest, config: LlamaConfig): Promise<LlamaWeights> {
  const reader = await WeightReader.open(request);
  const { hiddenSize, intermediateSize, headDim } = config;
  const site = async (name: string, out: number, columns: number) =>
    new LinearSite(name, await reader.matrix(`${name}.weight`, [out, columns]));

  const embedding = new EmbeddingSite(
    'model.embed_tokens',
    await reader.matrix('model.embed_tokens.weight', [config.vocabularySize, hiddenSize]),
  );
  const layers: LlamaLayer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `model.layers.${i}`;
    layers.push({
      inputNorm: await reader.vector(`${at}.input_layernorm.weight`, hiddenSize),
      query: await site(`${at}.self_attn.q_proj`, config.heads * headDim, hiddenSize),
      key: await site(`${at}.self_attn.k_proj`, config.kvHeads * headDim, hiddenSize),
      value: await site(`${at}.self_attn.v_proj`, config.kvHeads * headDim, hiddenSize),
      attentionOutput: await site(`${at}.self_attn.o_proj`, hiddenSize, config.heads * headDim),
      postAttentionNorm: await reader.vector(`${at}.post_attention_layernorm.weight`, hiddenSize),
      gate: await site(`${at}.mlp.gate_proj`, intermediateSize, hiddenSize),
      up: await site(`${at}.mlp.up_proj`, intermediateSize, hiddenSize),
      down: await site(`${at}.mlp.down_proj`, hiddenSize, intermediateSize),
    });
  }
  const norm = await reader.vector('model.norm.weight', hiddenSize);
  const outputWeight = config.tiedOutput
    ? embedding.weight
    : await reader.matrix('lm_head.weight', [config.vocabularySize, hiddenSize]);
  reader.finish();
  const output = new LinearSite('lm_head', outputWeight, null, true);
  return { embedding, layers, norm, output, vectors: reader.vectors };
}
