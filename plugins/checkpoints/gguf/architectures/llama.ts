/** LLaMA and its kin in GGUF. Source: llama.cpp, gguf-py's tensor_mapping.py and convert_hf_to_gguf.py. */

import { type LlamaConfig, parseLlamaConfig } from '../../../backbones/llama/config.js';
import { invalid } from '../../kit/tensor-file.js';
import type { Container } from '../container.js';
import type { Metadata } from '../metadata.js';
import {
  FREQUENCY_FACTORS,
  frequencyDivisors,
  LLAMA3_PARAMETERS,
  rotaryScaling,
  yarnCorrection,
} from '../rotary.js';
import { unwritable } from '../unwritable.js';
import type { MetadataValue } from '../write.js';
import { type Architecture, alternatingHalves, type Description } from './architecture.js';

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
  read: readSettings,
  describe: describeSettings,
} as const satisfies Partial<Architecture>;

/** Mistral goes as this too. */
export const llama: Architecture = {
  ...common,
  name: 'llama',
  modelTypes: ['llama', 'mistral'],
  className: 'LlamaForCausalLM',
  biases: [
    { key: 'attention_bias', modules: ['attn_q', 'attn_k', 'attn_v', 'attn_output'] },
    { key: 'mlp_bias', modules: ['ffn_gate', 'ffn_up', 'ffn_down'] },
  ],
  rowOrders: {
    attn_q: alternatingHalves(({ heads }) => heads),
    attn_k: alternatingHalves(({ kvHeads }) => kvHeads),
  },
};

export const qwen2: Architecture = {
  ...common,
  name: 'qwen2',
  modelTypes: ['qwen2'],
  className: 'Qwen2ForCausalLM',
  biases: [{ modules: ['attn_q', 'attn_k', 'attn_v'] }],
};

export const qwen3: Architecture = {
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
  metadata: Metadata,
  { path }: Container,
  frequencyFactors: Float32Array | undefined,
): ReturnType<Architecture['read']> {
  const hiddenSize = metadata.number('embedding_length');
  const heads = metadata.number('attention.head_count');
  const kvHeads = metadata.number('attention.head_count_kv', heads);
  const headDim = metadata.number('attention.key_length', hiddenSize / heads);
  const valueDim = metadata.number('attention.value_length', headDim);
  const rotaryDim = metadata.number('rope.dimension_count', headDim);
  if (valueDim !== headDim || rotaryDim !== headDim) {
    const message = `has heads of ${headDim} for keys, ${valueDim} for values and ${rotaryDim} that are turned, which should be equal`;
    throw invalid(path, message, '');
  }
  const scaling = rotaryScaling(metadata, headDim, frequencyFactors);
  const config = {
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: metadata.number('feed_forward_length'),
    num_hidden_layers: metadata.number('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    max_position_embeddings: metadata.number('context_length'),
    rms_norm_eps: metadata.number('attention.layer_norm_rms_epsilon'),
    rope_theta: metadata.number('rope.freq_base', 10000),
    ...(scaling && { rope_scaling: scaling }),
  };
  return { heads, kvHeads, config };
}

function describeSettings(json: Readonly<Record<string, unknown>>): Description {
  // The model has been loaded with it: nothing is wrong.
  const config = parseLlamaConfig(json, '.');
  const { heads, kvHeads, headDim } = config;
  const rotary = describeRotary(config);
  const settings: [string, MetadataValue][] = [
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

/** How rotary scaling is told. @throws EvolveError where GGUF has no keys for it */
function describeRotary({ rotaryParameters: rope, headDim, positions }: LlamaConfig): Partial<Description> {
  const scaling = (type: string, values: Readonly<Record<string, number | null | undefined>>) => ({
    settings: [
      ['rope.scaling.type', { string: type }],
      ...Object.entries(values).flatMap(([key, f32]): [string, MetadataValue][] =>
        typeof f32 === 'number' ? [[`rope.scaling.${key}`, { f32 }]] : [],
      ),
    ] as [string, MetadataValue][],
  });
  switch (rope.rope_type) {
    case 'default':
      return {};
    case 'linear':
      return scaling('linear', { factor: rope.factor });
    case 'llama3': {
      const values = frequencyDivisors(rope, headDim);
      return {
        metadata: [[LLAMA3_PARAMETERS, { string: JSON.stringify(rope) }]],
        tensors: [[FREQUENCY_FACTORS, { shape: [values.length], values, type: 'f32' }]],
      };
    }
    case 'yarn': {
      const { original_max_position_embeddings: original, attention_factor: attention } = rope;
      if (rope.mscale || rope.mscale_all_dim || !rope.truncate)
        throw unwritable('GGUF has no keys for mscale, mscale_all_dim and truncate of YaRN');
      const factor = rope.factor ?? positions / original;
      const { settings } = scaling('yarn', {
        factor,
        attn_factor: attention && attention / yarnCorrection(factor),
        yarn_beta_fast: rope.beta_fast,
        yarn_beta_slow: rope.beta_slow,
      });
      return { settings: [...settings, ['rope.scaling.original_context_length', { u32: original }]] };
    }
    case 'dynamic':
      throw unwritable('GGUF has no name for the rotary scaling "dynamic" of config.json');
  }
}
