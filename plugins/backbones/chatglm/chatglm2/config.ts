import { EvolveError, z } from '../../../../core/index.js';
import { parseConfigJson } from '../../kit/config-json.js';
import { ADVICE } from '../config.js';

const size = z.number().int().positive();
/** Of a frozen model dropout would be left out in training; none that was published has any. */
const none = z.literal(0).default(0);

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
  hidden_dropout: none,
  attention_dropout: none,
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
  // One key, two meanings: ChatGLM2's long version squeezes positions, ChatGLM3's stretches the base.
  const { rope_ratio: ratio, _name_or_path: name = '' } = config;
  const [squeezes, stretches] = [/chatglm2/i, /chatglm3/i].map((family) => family.test(name));
  if (ratio !== 1 && squeezes === stretches) {
    const message = `${path}/config.json: rope_ratio is ${ratio}, but _name_or_path ${JSON.stringify(name)} does not say of which model`;
    const advice =
      'Set _name_or_path to THUDM/chatglm2-6b-32k, where rope_ratio divides positions, or to THUDM/chatglm3-6b-32k, where it multiplies the rotary base.';
    throw new EvolveError('MODEL_INVALID', message, advice);
  }
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
    ropeBase: 10_000 * (squeezes ? 1 : ratio),
    positionScale: squeezes ? ratio : 1,
    residualAfterNorm: config.apply_residual_connection_post_layernorm,
  };
}
