/** What a LLaMA of transformers becomes in GGUF: keys of its metadata, names of its tensors, the order of rotary rows. */

import { EvolveError, type TensorToWrite, z } from '../../../core/index.js';
import type { MetadataValue } from './write.js';

/** Those that llama.cpp keeps under the architecture "llama". */
const MODEL_TYPES = ['llama', 'mistral'];

const size = z.number().int().positive();
const schema = z.looseObject({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.optional(),
  head_dim: size.nullish(),
  vocab_size: size,
  max_position_embeddings: size.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().optional(),
  rope_scaling: z.null().optional(),
  rope_parameters: z
    .looseObject({ rope_theta: z.number().positive(), rope_type: z.literal('default') })
    .optional(),
});

type Config = z.infer<typeof schema>;

function parse(json: Record<string, unknown>): Config {
  if (!MODEL_TYPES.includes(String(json.model_type))) {
    const message = `GGUF is written for models of type ${MODEL_TYPES.join(', ')}, but this is a ${json.model_type}`;
    throw new EvolveError('MODEL_INVALID', message, 'Take --format safetensors.');
  }
  const { data, error } = schema.safeParse(json);
  if (data) return data;
  const faults = error.issues.map((issue) => `config.json, ${issue.path.join('.')}: ${issue.message}`);
  throw new EvolveError('MODEL_INVALID', faults.join('\n'), 'GGUF is written without rotary scaling only.');
}

const kvHeadsOf = (config: Config) => config.num_key_value_heads ?? config.num_attention_heads;
const headDimOf = (config: Config) => config.head_dim ?? config.hidden_size / config.num_attention_heads;

/** `general.` and `llama.` keys. */
export function llamaMetadata(json: Record<string, unknown>): [string, MetadataValue][] {
  const config = parse(json);
  const theta = config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000;
  return [
    ['general.architecture', { string: 'llama' }],
    ['llama.context_length', { u32: config.max_position_embeddings }],
    ['llama.embedding_length', { u32: config.hidden_size }],
    ['llama.block_count', { u32: config.num_hidden_layers }],
    ['llama.feed_forward_length', { u32: config.intermediate_size }],
    ['llama.attention.head_count', { u32: config.num_attention_heads }],
    ['llama.attention.head_count_kv', { u32: kvHeadsOf(config) }],
    ['llama.attention.key_length', { u32: headDimOf(config) }],
    ['llama.attention.value_length', { u32: headDimOf(config) }],
    ['llama.attention.layer_norm_rms_epsilon', { f32: config.rms_norm_eps }],
    ['llama.rope.dimension_count', { u32: headDimOf(config) }],
    ['llama.rope.freq_base', { f32: theta }],
    ['llama.vocab_size', { u32: config.vocab_size }],
  ];
}

const NAMES: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};
const LAYER_NAMES: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

/** A tensor of transformers under its GGUF name, its rows in GGUF's order. */
export function llamaTensor(
  name: string,
  tensor: TensorToWrite,
  json: Record<string, unknown>,
): { name: string; tensor: TensorToWrite } {
  const config = parse(json);
  const [, module, kind] = name.match(/^(.+)\.(weight|bias)$/) ?? [];
  const [, layer, part] = module?.match(/^model\.layers\.(\d+)\.(.+)$/) ?? [];
  const known =
    layer === undefined ? NAMES[module] : LAYER_NAMES[part] && `blk.${layer}.${LAYER_NAMES[part]}`;
  if (known === undefined) {
    throw new EvolveError(
      'MODEL_INVALID',
      `GGUF has no name for the tensor ${name}`,
      'Take --format safetensors.',
    );
  }
  const heads =
    part === 'self_attn.q_proj'
      ? config.num_attention_heads
      : part === 'self_attn.k_proj'
        ? kvHeadsOf(config)
        : 0;
  return { name: `${known}.${kind}`, tensor: heads === 0 ? tensor : interleaved(tensor, heads) };
}

/**
 * llama.cpp turns neighbouring elements of a head by one angle, transformers an element of its first half with one of
 * its second: of each head's rows those of the two halves alternate.
 */
function interleaved({ shape, values, type }: TensorToWrite, heads: number): TensorToWrite {
  const [rows, columns = 1] = shape;
  const half = rows / heads / 2;
  const reorder = () => {
    const from = values instanceof Float32Array ? values : joined(values(), rows * columns);
    const to = new Float32Array(from.length);
    for (let row = 0; row < rows; row++) {
      const head = Math.floor(row / (2 * half));
      const within = row % (2 * half);
      const source = head * 2 * half + (within % 2) * half + (within >> 1);
      to.set(from.subarray(source * columns, (source + 1) * columns), row * columns);
    }
    return [to];
  };
  return { shape, type, values: reorder };
}

function joined(pieces: Iterable<Float32Array>, length: number): Float32Array {
  const whole = new Float32Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
