import { EvolveError, z } from '../../../../core/index.js';
import { parseConfigJson } from '../../config-json.js';
import { ADVICE } from '../config.js';

const size = z.number().int().positive();

/** What of config.json shapes a ChatGLM2 or ChatGLM3; names and defaults as its own configuration has them. */
const schema = z.looseObject({
  _name_or_path: z.string().optional(),
  hidden_size: size,
  ffn_hidden_size: size,
  num_layers: size,
  num_attention_heads: size,
  kv_channels: size,
  multi_query_attention: z.boolean().default(false),
  multi_query_group_num: size.default(1),
  padded_vocab_size: size,
  seq_length: size,
  layernorm_epsilon: z.number().positive().default(1e-5),
  rope_ratio: z.number().positive().default(1),
  apply_residual_connection_post_layernorm: z.boolean().default(false),
  add_qkv_bias: z.boolean().default(false),
  add_bias_linear: z.literal(false),
  rmsnorm: z.literal(true),
  post_layer_norm: z.literal(true).default(true),
  original_rope: z.literal(true).default(true),
  tie_word_embeddings: z.literal(false).default(false),
  quantization_bit: z.literal(0).default(0),
  pre_seq_len: z.null().optional(),
});

export interface ChatGlm2Config {
  readonly hiddenSize: number;
  readonly ffnSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Into how many like parts, each of queries, keys and values, the columns of query_key_value fall. */
  readonly fusedGroups: number;
  readonly fusedBias: boolean;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly normEpsilon: number;
  readonly ropeBase: number;
  /** What positions are divided by. */
  readonly positionScale: number;
  /** The residual is taken after a norm, not before it. */
  readonly residualAfterNorm: boolean;
}

/** Whether config.json is of ChatGLM2 or later; ChatGLM-6B has the same model_type. */
export function isChatGlm2(json: Record<string, unknown>): boolean {
  return 'padded_vocab_size' in json || 'ffn_hidden_size' in json;
}

/** @throws EvolveError that names every key of config.json that is missing or not supported */
export function parseChatGlm2Config(json: Record<string, unknown>, path: string): ChatGlm2Config {
  const config = parseConfigJson(schema, json, path, ADVICE);
  const heads = config.num_attention_heads;
  const headDim = config.kv_channels;
  const kvHeads = config.multi_query_attention ? config.multi_query_group_num : heads;
  if (headDim % 4 !== 0 || heads % kvHeads !== 0) {
    const message = `${path}/config.json: ${heads} heads of ${headDim} and ${kvHeads} groups of them do not fit together`;
    throw new EvolveError('MODEL_INVALID', message, 'Get the file again.');
  }
  // One key, two meanings: ChatGLM2's long version squeezes positions, the later ones stretch the base.
  const squeezes = /chatglm2/i.test(config._name_or_path ?? '');
  return {
    hiddenSize: config.hidden_size,
    ffnSize: config.ffn_hidden_size,
    layers: config.num_layers,
    heads,
    kvHeads,
    headDim,
    fusedGroups: config.multi_query_attention ? 1 : heads,
    fusedBias: config.add_qkv_bias,
    vocabularySize: config.padded_vocab_size,
    maxPositions: config.seq_length,
    normEpsilon: config.layernorm_epsilon,
    ropeBase: 10_000 * (squeezes ? 1 : config.rope_ratio),
    positionScale: squeezes ? config.rope_ratio : 1,
    residualAfterNorm: config.apply_residual_connection_post_layernorm,
  };
}
