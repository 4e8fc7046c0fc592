/** LLaMA and its kin in GGUF. Source: llama.cpp, gguf-py's tensor_mapping.py and convert_hf_to_gguf.py. */

import { gguf, invalid } from '../../checkpoints/kit/index.js';
import { parseLlamaConfig } from './config.js';
import { describeRotary, FREQUENCY_FACTORS, rotaryScaling } from './gguf-rotary.js';

const common = {
  layers: 'model.layers',
  modules: { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' },
  layerModules: {
    attn_norm: 'input_layernorm',
    attn_q: 'self_attn.q_proj',
    attn_k: 'self_attn.k_proj',
    attn_v: 'self_attn.v_proj',
    attn_output: 'self_attn.o_proj',
    ffn_norm: 'post_attention_layernorm',
    ffn_gate: 'mlp.gate_proj',
    ffn_up: 'mlp.up_proj',
    ffn_down: 'mlp.down_proj',
  },
  biases: [],
  rowOrders: {},
  settingTensors: [FREQUENCY_FACTORS],
  read: readSettings,
  describe: describeSettings,
} as const satisfies Partial<gguf.Architecture>;

/** Mistral goes as this too. */
const llama: gguf.Architecture = {
  ...common,
  name: 'llama',
  modelTypes: ['llama', 'mistral'],
  className: 'LlamaForCausalLM',
  biases: [
    { key: 'attention_bias', modules: ['attn_q', 'attn_k', 'attn_v', 'attn_output'] },
    { key: 'mlp_bias', modules: ['ffn_gate', 'ffn_up', 'ffn_down'] },
  ],
  rowOrders: {
    attn_q: gguf.alternatingHalves(({ heads }) => heads),
    attn_k: gguf.alternatingHalves(({ kvHeads }) => kvHeads),
  },
};

const qwen2: gguf.Architecture = {
  ...common,
  name: 'qwen2',
  modelTypes: ['qwen2'],
  className: 'Qwen2ForCausalLM',
  biases: [{ modules: ['attn_q', 'attn_k', 'attn_v'] }],
};

const qwen3: gguf.Architecture = {
  ...common,
  name: 'qwen3',
  modelTypes: ['qwen3'],
  className: 'Qwen3ForCausalLM',
  layerModules: {
    ...common.layerModules,
    attn_q_norm: 'self_attn.q_norm',
    attn_k_norm: 'self_attn.k_norm',
  },
};

function readSettings(
  metadata: gguf.Metadata,
  tensors: ReadonlyMap<string, Float32Array>,
): ReturnType<gguf.Architecture['read']> {
  const hiddenSize = metadata.count('embedding_length');
  const heads = metadata.count('attention.head_count');
  const kvHeads = metadata.count('attention.head_count_kv', heads);
  if (heads % kvHeads !== 0)
    throw metadata.refuse('attention.head_count_kv', `of which ${heads} heads are no multiple`);
  const headDim = metadata.number('attention.key_length', hiddenSize / heads);
  const valueDim = metadata.number('attention.value_length', headDim);
  const rotaryDim = metadata.number('rope.dimension_count', headDim);
  if (valueDim !== headDim || rotaryDim !== headDim) {
    const message = `has heads of ${headDim} for keys, ${valueDim} for values and ${rotaryDim} that are turned, which should be equal`;
    throw invalid(metadata.path, message, '');
  }
  if (headDim % 2 !== 0)
    throw metadata.refuse(
      'attention.head_count',
      `which makes heads of ${headDim} of ${hiddenSize}; they must have an even size`,
    );
  const scaling = rotaryScaling(metadata, headDim, tensors.get(FREQUENCY_FACTORS));
  const config = {
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: metadata.count('feed_forward_length'),
    num_hidden_layers: metadata.count('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    max_position_embeddings: metadata.count('context_length'),
    rms_norm_eps: metadata.positive('attention.layer_norm_rms_epsilon'),
    rope_theta: metadata.positive('rope.freq_base', 10000),
    ...(scaling && { rope_scaling: scaling }),
  };
  return { heads, kvHeads, config };
}

function describeSettings(json: Readonly<Record<string, unknown>>): gguf.Description {
  // The model has been loaded with it: nothing is wrong.
  const config = parseLlamaConfig(json, '.');
  const { heads, kvHeads, headDim } = config;
  const rotary = describeRotary(config);
  const settings: [string, gguf.MetadataValue][] = [
    // There is no key for attention that reaches back only so far: up to there it is what llama.cpp computes.
    ['context_length', { u32: Math.min(config.positions, config.window) }],
    ['embedding_length', { u32: config.hiddenSize }],
    ['block_count', { u32: config.layers }],
    ['feed_forward_length', { u32: config.intermediateSize }],
    ['attention.head_count', { u32: heads }],
    ['attention.head_count_kv', { u32: kvHeads }],
    ['attention.key_length', { u32: headDim }],
    ['attention.value_length', { u32: headDim }],
    ['attention.layer_norm_rms_epsilon', { f32: config.normEpsilon }],
    ['rope.dimension_count', { u32: headDim }],
    ['rope.freq_base', { f32: config.rotaryParameters.rope_theta }],
    ['vocab_size', { u32: config.vocabularySize }],
    ...(rotary.settings ?? []),
  ];
  return { heads, kvHeads, ...rotary, settings };
}

export const ggufArchitectures: readonly gguf.Architecture[] = [llama, qwen2, qwen3];
