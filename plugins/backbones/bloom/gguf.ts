/** BLOOM in GGUF. Source: llama.cpp, gguf-py's tensor_mapping.py and convert_hf_to_gguf.py. */

import { gguf } from '../../checkpoints/kit/index.js';
import { parseBloomConfig } from './config.js';

const modules = {
  token_embd: 'transformer.word_embeddings',
  token_embd_norm: 'transformer.word_embeddings_layernorm',
  output_norm: 'transformer.ln_f',
  output: 'lm_head',
};
const layerModules = {
  attn_norm: 'input_layernorm',
  attn_qkv: 'self_attention.query_key_value',
  attn_output: 'self_attention.dense',
  ffn_norm: 'post_attention_layernorm',
  ffn_up: 'mlp.dense_h_to_4h',
  ffn_down: 'mlp.dense_4h_to_h',
};

const bloom: gguf.Architecture = {
  name: 'bloom',
  modelTypes: ['bloom'],
  className: 'BloomForCausalLM',
  layers: 'transformer.h',
  modules,
  layerModules,
  biases: [{ modules: ['token_embd_norm', 'output_norm', ...Object.keys(layerModules)] }],
  rowOrders: { attn_qkv: gguf.queriesKeysValues },

  read(metadata) {
    const heads = metadata.count('attention.head_count');
    if (metadata.number('attention.head_count_kv', heads) !== heads)
      throw metadata.refuse('attention.head_count_kv', `but a BLOOM has as many as heads, ${heads}`);
    const hiddenSize = metadata.count('embedding_length');
    if (hiddenSize % heads !== 0)
      throw metadata.refuse(
        'attention.head_count',
        `into which embedding_length, ${hiddenSize}, does not divide`,
      );
    const intermediateSize = metadata.count('feed_forward_length', 4 * hiddenSize);
    if (intermediateSize !== 4 * hiddenSize)
      throw metadata.refuse('feed_forward_length', `but a BLOOM has 4 × embedding_length, ${4 * hiddenSize}`);
    const config = {
      hidden_size: hiddenSize,
      n_inner: intermediateSize,
      n_layer: metadata.count('block_count'),
      n_head: heads,
      seq_length: metadata.count('context_length'),
      layer_norm_epsilon: metadata.positive('attention.layer_norm_epsilon'),
    };
    return { heads, kvHeads: heads, config };
  },

  describe(json) {
    // The model has been loaded with it: nothing is wrong.
    const config = parseBloomConfig(json, '.');
    if (config.residualAfterNorm)
      throw gguf.unwritable(
        'GGUF has no key for apply_residual_connection_post_layernorm, which config.json sets',
      );
    const { heads } = config;
    return {
      heads,
      kvHeads: heads,
      settings: [
        ['context_length', { u32: config.maxPositions }],
        ['embedding_length', { u32: config.hiddenSize }],
        ['feed_forward_length', { u32: config.intermediateSize }],
        ['block_count', { u32: config.layers }],
        ['attention.head_count', { u32: heads }],
        ['attention.head_count_kv', { u32: heads }],
        ['attention.layer_norm_epsilon', { f32: config.normEpsilon }],
        ['vocab_size', { u32: config.vocabularySize }],
      ],
    };
  },
};

export const ggufArchitectures: readonly gguf.Architecture[] = [bloom];
