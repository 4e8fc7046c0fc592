/** LLaMA and its kin in GGUF. Source: llama.cpp, gguf-py's tensor_mapping.py and convert_hf_to_gguf.py. */

import { EvolveError, type TensorToWrite, z } from '../../../../core/index.js';
import { invalid } from '../../tensor-file.js';
import {
  FREQUENCY_FACTORS,
  LLAMA3_PARAMETERS,
  llama3Divisors,
  llama3Schema,
  rotaryScaling,
} from '../rotary.js';
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
  ...[metadata, { path }, frequencyFactors]: Parameters<Architecture['read']>
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

const size = z.number().int().positive();
const positive = z.number().positive();
const schema = z.looseObject({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  head_dim: size.nullish(),
  vocab_size: size,
  max_position_embeddings: size,
  rms_norm_eps: positive.default(1e-6),
  rope: z.discriminatedUnion('rope_type', [
    z.looseObject({ rope_type: z.literal('default'), rope_theta: positive }),
    z.looseObject({ rope_type: z.literal('linear'), rope_theta: positive, factor: positive }),
    llama3Schema.extend({ rope_theta: positive }),
  ]),
});

function describeSettings(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorToWrite>,
): Description {
  const config = parse(json);
  const { rope } = config;
  const heads = config.num_attention_heads;
  // What config.json may leave out depends on the model's type; tensors are what they are.
  const shapeOf = (module: string) => tensors.get(`model.layers.0.self_attn.${module}.weight`)?.shape;
  const headDim = config.head_dim ?? shapeOf('q_norm')?.[0] ?? config.hidden_size / heads;
  const kvHeads = (shapeOf('k_proj')?.[0] ?? heads * headDim) / headDim;
  const settings: [string, MetadataValue][] = [
    ['context_length', { u32: config.max_position_embeddings }],
    ['embedding_length', { u32: config.hidden_size }],
    ['block_count', { u32: config.num_hidden_layers }],
    ['feed_forward_length', { u32: config.intermediate_size }],
    ['attention.head_count', { u32: heads }],
    ['attention.head_count_kv', { u32: kvHeads }],
    ['attention.key_length', { u32: headDim }],
    ['attention.value_length', { u32: headDim }],
    ['attention.layer_norm_rms_epsilon', { f32: config.rms_norm_eps }],
    ['rope.dimension_count', { u32: headDim }],
    ['rope.freq_base', { f32: rope.rope_theta }],
    ['vocab_size', { u32: config.vocab_size }],
  ];
  if (rope.rope_type === 'linear') {
    settings.push(['rope.scaling.type', { string: 'linear' }], ['rope.scaling.factor', { f32: rope.factor }]);
  }
  if (rope.rope_type !== 'llama3') return { heads, kvHeads, settings };
  const values = llama3Divisors(rope, headDim, rope.rope_theta);
  return {
    heads,
    kvHeads,
    settings,
    metadata: [[LLAMA3_PARAMETERS, { string: JSON.stringify(rope) }]],
    tensors: [[FREQUENCY_FACTORS, { shape: [values.length], values, type: 'f32' }]],
  };
}

/** Older files keep the base of rotary positions apart from their scaling, which they call `type`. */
function parse(json: Readonly<Record<string, unknown>>): z.infer<typeof schema> {
  const { rope_theta = 10_000, rope_scaling, rope_parameters, original_max_position_embeddings } = json;
  const given: Record<string, unknown> = {
    rope_theta,
    ...(rope_scaling ?? {}),
    ...(rope_parameters ?? {}),
    ...(original_max_position_embeddings ? { original_max_position_embeddings } : {}),
  };
  const rope = { ...given, rope_type: given.rope_type ?? given.type ?? 'default' };
  const { data, error } = schema.safeParse({ ...json, rope });
  if (data) return data;
  const faults = error.issues.map((issue) => `config.json, ${issue.path.join('.')}: ${issue.message}`);
  const advice =
    'GGUF is written where config.json says these, with the rotary scaling linear or llama3, or none.';
  throw new EvolveError('MODEL_INVALID', faults.join('\n'), advice);
}
