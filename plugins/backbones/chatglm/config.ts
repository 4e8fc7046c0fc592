import { EvolveError, z } from '../../../core/index.js';
import { parseConfigJson } from '../kit/config-json.js';

/** What can be done about a config.json that is refused. */
export const ADVICE =
  'The backbone "chatglm" takes ChatGLM-6B, ChatGLM2 and ChatGLM3 with weights in 16 or 32 bits.';

/** What else a folder of such a model needs: transformers runs the code that lies beside the weights. */
export const COMPANIONS = [
  'ice_text.model',
  'configuration_chatglm.py',
  'modeling_chatglm.py',
  'quantization.py',
  'tokenization_chatglm.py',
];

const size = z.number().int().positive();
const id = z.number().int().nonnegative();

/** What of config.json shapes a ChatGLM-6B; names and defaults as its own configuration has them. */
const schema = z.looseObject({
  hidden_size: size,
  inner_hidden_size: size,
  num_layers: size,
  num_attention_heads: size,
  vocab_size: size,
  max_sequence_length: size.default(2048),
  layernorm_epsilon: z.number().positive().default(1e-5),
  position_encoding_2d: z.literal(true),
  tie_word_embeddings: z.boolean().default(false),
  // The first revision's, which leaves the masks out of its file, has an image token for each of 20,000 ids below.
  mask_token_id: id.default(150_000),
  gmask_token_id: id.default(150_001),
  bos_token_id: id.default(150_004),
  eos_token_id: id.default(150_005),
  quantization_bit: z.literal(0).default(0),
  pre_seq_len: z.null().optional(),
});

/** The tokens between context and answer. */
export interface MarkerIds {
  /** `[MASK]`, for a short gap. */
  readonly mask: number;
  /** `[gMASK]`, which stands where the answer belongs. */
  readonly gmask: number;
  /** `<sop>`, after which the answer begins. */
  readonly start: number;
}

export interface ChatGlmConfig {
  readonly hiddenSize: number;
  readonly innerSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly normEpsilon: number;
  readonly tiedOutput: boolean;
  readonly markers: MarkerIds;
  /** `<eop>`, which ends the answer. */
  readonly endId: number;
}

/** @throws EvolveError that names every key of config.json that is missing or not supported */
export function parseChatGlmConfig(json: Record<string, unknown>, path: string): ChatGlmConfig {
  const config = parseConfigJson(schema, json, path, ADVICE);
  const heads = config.num_attention_heads;
  const headDim = config.hidden_size / heads;
  if (!Number.isInteger(headDim) || headDim % 4 !== 0) {
    const message = `${path}/config.json: a hidden size of ${config.hidden_size} and ${heads} heads make heads of ${headDim}, which do not divide by four`;
    throw new EvolveError('MODEL_INVALID', message, 'Get the file again.');
  }
  const markers = { mask: config.mask_token_id, gmask: config.gmask_token_id, start: config.bos_token_id };
  for (const [key, value] of Object.entries({ ...markers, end: config.eos_token_id })) {
    if (value < config.vocab_size) continue;
    const message = `${path}/config.json: the ${key} token has the id ${value}, but vocab_size is ${config.vocab_size}`;
    const advice =
      'Set mask_token_id, gmask_token_id, bos_token_id and eos_token_id to the ids of the tokenizer.';
    throw new EvolveError('MODEL_INVALID', message, advice);
  }
  return {
    hiddenSize: config.hidden_size,
    innerSize: config.inner_hidden_size,
    layers: config.num_layers,
    heads,
    headDim,
    vocabularySize: config.vocab_size,
    maxPositions: config.max_sequence_length,
    normEpsilon: config.layernorm_epsilon,
    tiedOutput: config.tie_word_embeddings,
    markers,
    endId: config.eos_token_id,
  };
}
