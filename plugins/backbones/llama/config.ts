import { EvolveError, z } from '../../../core/index.js';
import { parseConfigJson } from '../kit/config-json.js';
import { makeRotary, type Rotary, type RotaryParameters, rotarySchema } from './rotary.js';

const size = z.number().int().positive();

/** What of config.json shapes a LLaMA or its kin; names as transformers writes them. */
const schema = z.looseObject({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  max_position_embeddings: size,
  original_max_position_embeddings: size.optional(),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().default(10000),
  rope_scaling: rotarySchema.nullish(),
  rope_parameters: rotarySchema.nullish(),
  partial_rotary_factor: z.literal(1).optional(),
  tie_word_embeddings: z.boolean().default(false),
  /** Two names of one function. */
  hidden_act: z.enum(['silu', 'swish']).default('silu'),
  attention_dropout: z.literal(0).nullish(),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: size.nullish(),
  use_sliding_window: z.boolean().default(false),
  max_window_layers: z.number().int().nonnegative().default(0),
  layer_types: z.array(z.string()).nullish(),
});

type Json = z.infer<typeof schema>;

interface Biases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly feedForward: boolean;
}

/** What a model_type means beyond the keys that all of them have. */
interface Family {
  /** Keys that config.json may leave out, where they differ from one model_type to the other. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly biases: (json: Json) => Biases;
  /** Queries and keys are normalized head by head. */
  readonly hasHeadNorms?: boolean;
  /** How many tokens back attention reaches, where that is not all of them. */
  readonly window?: (json: Json) => number | null | undefined;
}

const NO_BIASES: Biases = { queryKeyValue: false, attentionOutput: false, feedForward: false };

/** In which of Qwen's layers attention reaches back only so far; with one of them the whole model does. */
function qwenWindow(json: Json): number | null | undefined {
  const isInUse = json.layer_types
    ? json.layer_types.includes('sliding_attention')
    : json.max_window_layers < json.num_hidden_layers;
  return json.use_sliding_window && isInUse ? json.sliding_window : null;
}

/** Architectures that are LLaMA's but for what stands here. One more is a line more. */
const FAMILIES: Readonly<Record<string, Family>> = {
  llama: {
    defaults: { max_position_embeddings: 2048 },
    biases: ({ attention_bias: attention, mlp_bias: feedForward }) => ({
      queryKeyValue: attention,
      attentionOutput: attention,
      feedForward,
    }),
  },
  mistral: {
    defaults: { max_position_embeddings: 131072, sliding_window: 4096, num_key_value_heads: 8 },
    biases: () => NO_BIASES,
    window: (json) => json.sliding_window,
  },
  qwen2: {
    defaults: { max_position_embeddings: 32768, max_window_layers: 28, sliding_window: 4096 },
    biases: () => ({ ...NO_BIASES, queryKeyValue: true }),
    window: qwenWindow,
  },
  qwen3: {
    defaults: { max_position_embeddings: 32768, max_window_layers: 28, sliding_window: 4096, head_dim: 128 },
    biases: ({ attention_bias: attention }) => ({
      queryKeyValue: attention,
      attentionOutput: attention,
      feedForward: false,
    }),
    hasHeadNorms: true,
    window: qwenWindow,
  },
};

export interface LlamaConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabularySize: number;
  /** Where attention reaches back only so far, no more than that: up to there it is the attention that is computed here. */
  readonly maxPositions: number;
  readonly limitedBy?: 'sliding_window';
  /** `max_position_embeddings`, before rotary scaling. */
  readonly positions: number;
  /** How many tokens back attention reaches; Infinity: all of them. */
  readonly window: number;
  readonly normEpsilon: number;
  readonly rotary: Rotary;
  readonly rotaryParameters: RotaryParameters;
  readonly biases: Biases;
  readonly hasHeadNorms: boolean;
  readonly tiedOutput: boolean;
}

/** What this backbone takes. */
export const MODEL_TYPES = Object.keys(FAMILIES);

/** @throws EvolveError that names every key of config.json that is missing or not supported */
export function parseLlamaConfig(json: Record<string, unknown>, path: string): LlamaConfig {
  const family = FAMILIES[String(json.model_type)];
  const advice = `The backbone "llama" takes ${MODEL_TYPES.join(', ')}; plugins/README.md, "A backbone", shows how to add another.`;
  const config = parseConfigJson(schema, withRotaryType({ ...family.defaults, ...json }), path, advice);
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0 || heads % kvHeads !== 0) {
    const message = `${path}/config.json: ${heads} heads, ${kvHeads} key-value heads and a hidden size of ${config.hidden_size} do not fit together`;
    throw new EvolveError('MODEL_INVALID', message, 'Get the file again.');
  }
  const given = config.rope_scaling ?? config.rope_parameters ?? { rope_type: 'default' };
  const rotaryParameters: RotaryParameters = {
    ...given,
    rope_theta: given.rope_theta ?? config.rope_theta,
    original_max_position_embeddings:
      config.original_max_position_embeddings ??
      given.original_max_position_embeddings ??
      config.max_position_embeddings,
  };
  const rotary = makeRotary(rotaryParameters, headDim, config.max_position_embeddings);
  const window = family.window?.(config) ?? Number.POSITIVE_INFINITY;
  return {
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    vocabularySize: config.vocab_size,
    maxPositions: Math.min(rotary.maxPositions, window),
    limitedBy: window < rotary.maxPositions ? 'sliding_window' : undefined,
    normEpsilon: config.rms_norm_eps,
    positions: config.max_position_embeddings,
    window,
    rotary,
    rotaryParameters,
    biases: family.biases(config),
    hasHeadNorms: family.hasHeadNorms ?? false,
    tiedOutput: config.tie_word_embeddings,
  };
}

/** Says the kind of rotary scaling where config.json leaves it out, or calls it `type` as older files do. */
function withRotaryType(json: Record<string, unknown>): Record<string, unknown> {
  const named = { ...json };
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const value = json[key] as Record<string, unknown> | null | undefined;
    if (typeof value !== 'object' || value === null) continue;
    // transformers takes an empty one for none.
    const isEmpty = Object.keys(value).length === 0;
    named[key] = isEmpty ? null : { rope_type: value.type ?? 'default', ...value };
  }
  return named;
}
