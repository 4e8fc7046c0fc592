import { EvolveError, z } from '../../../core/index.js';
import { parseConfigJson } from '../kit/config-json.js';

const size = z.number().int().positive();
/** Of a frozen model dropout would be left out in training; no BLOOM that was published has any. */
const none = z.literal(0).default(0);

/** What of config.json shapes a BLOOM, under the names that transformers writes; older files have others for three. */
const schema = z.looseObject({
  hidden_size: size,
  n_layer: size,
  n_head: size,
  vocab_size: size,
  n_inner: size.nullish(),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  apply_residual_connection_post_layernorm: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
  hidden_dropout: none,
  attention_dropout: none,
  pretraining_tp: size.default(1),
  slow_but_exact: z.boolean().default(false),
  /** Positions that it was trained on; ALiBi itself has no last one. */
  seq_length: size.default(2048),
});

const OLDER_NAMES = { n_embed: 'hidden_size', num_hidden_layers: 'n_layer', num_attention_heads: 'n_head' };

export interface BloomConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly normEpsilon: number;
  /** What is added to a layer's output is its input behind the norm, not before it. */
  readonly residualAfterNorm: boolean;
  readonly tiedOutput: boolean;
}

/** @throws EvolveError that names every key of config.json that is missing or not supported */
export function parseBloomConfig(json: Record<string, unknown>, path: string): BloomConfig {
  const renamed = { ...json };
  for (const [older, name] of Object.entries(OLDER_NAMES)) renamed[name] ??= json[older];
  const advice = 'The backbone "bloom" takes BLOOM and BLOOMZ of any size.';
  const config = parseConfigJson(schema, renamed, path, advice);
  const { hidden_size: hiddenSize, n_head: heads } = config;
  const intermediateSize = 4 * hiddenSize;
  const fail = (what: string, todo = 'Get the file again.'): never => {
    throw new EvolveError('MODEL_INVALID', `${path}/config.json: ${what}`, todo);
  };
  if (hiddenSize % heads !== 0) fail(`${heads} heads and a hidden size of ${hiddenSize} do not fit together`);
  if (config.n_inner && config.n_inner !== intermediateSize)
    fail(`n_inner is ${config.n_inner}, but must be 4 × ${hiddenSize}`);
  if (config.slow_but_exact && config.pretraining_tp > 1)
    fail(
      `slow_but_exact is true and pretraining_tp ${config.pretraining_tp}: transformers then leaves biases out`,
      'Set slow_but_exact to false, which is the model that was trained.',
    );
  return {
    hiddenSize,
    intermediateSize,
    layers: config.n_layer,
    heads,
    headDim: hiddenSize / heads,
    vocabularySize: config.vocab_size,
    maxPositions: config.seq_length,
    normEpsilon: config.layer_norm_epsilon,
    residualAfterNorm: config.apply_residual_connection_post_layernorm,
    tiedOutput: config.tie_word_embeddings,
  };
}
