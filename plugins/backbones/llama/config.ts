import { EvolveError, z } from '../../../core/index.js';

const size = z.number().int().positive();

/** What of config.json shapes a LLaMA; names as transformers writes them, its defaults where it leaves one out. */
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
    .object({ rope_theta: z.number().positive(), rope_type: z.literal('default') })
    .optional(),
  tie_word_embeddings: z.boolean().default(false),
  hidden_act: z.literal('silu').default('silu'),
  attention_bias: z.literal(false).default(false),
  mlp_bias: z.literal(false).default(false),
});

export interface LlamaConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  readonly tiedOutput: boolean;
}

/** @throws EvolveError that names every key of config.json that is missing or not supported */
export function parseLlamaConfig(json: Record<string, unknown>, path: string): LlamaConfig {
  const result = schema.safeParse(json);
  if (!result.success) {
    const faults = result.error.issues.map(({ path: keys, message }) => {
      const value = JSON.stringify(
        keys.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], json),
      );
      return `  ${keys.join('.')}: ${message}, but got ${value}`;
    });
    const advice = 'The backbone "llama" takes LLaMA-1 and LLaMA-2 shapes without biases and rotary scaling.';
    throw new EvolveError('MODEL_INVALID', `${path}/config.json:\n${faults.join('\n')}`, advice);
  }
  const config = result.data;
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0 || heads % kvHeads !== 0) {
    const message = `${path}/config.json: ${heads} heads, ${kvHeads} key-value heads and a hidden size of ${config.hidden_size} do not fit together`;
    throw new EvolveError('MODEL_INVALID', message, 'Get the file again.');
  }
  return {
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    vocabularySize: config.vocab_size,
    maxPositions: config.max_position_embeddings,
    normEpsilon: config.rms_norm_eps,
    ropeTheta: config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000,
    tiedOutput: config.tie_word_embeddings,
  };
}
