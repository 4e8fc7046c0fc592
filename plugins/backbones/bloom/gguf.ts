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
    const heads = metadata.number('attention.head_count');
    if (metadata.number('attention.head_count_kv', heads) !== heads)
      throw metadata.refuse('attention.head_count_kv', `but a BLOOM has as many as heads, ${heads}`);
    const hiddenSize = metadata.number('embedding_length');
    const config = {
      hidden_size: hiddenSize,
      n_inner: metadata.number('feed_forward_length', 4 * hiddenSize),
      n_layer: metadata.number('block_count'),
      n_head: heads,
      seq_length: metadata.number('context_length'),
      layer_norm_epsilon: metadata.number('attention.layer_norm_epsilon'),
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
