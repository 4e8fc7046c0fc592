/**
 * Rotary positions in GGUF: keys of the metadata and, for Llama 3, a tensor of what each frequency is divided by; in
 * transformers `rope_scaling` of config.json. Sources: llama.cpp, llama-model.cpp and llama-context.cpp; transformers,
 * modeling_rope_utils.py.
 */

import { rotaryFrequencies } from '../../../core/index.js';
import { gguf, invalid } from '../../checkpoints/kit/index.js';
import type { LlamaConfig } from './config.js';
import { makeRotary, type RotaryParameters, rotarySchema } from './rotary.js';

/** The tensor with what Llama 3 divides each frequency by; of the configuration, not of the model's weights. */
export const FREQUENCY_FACTORS = 'rope_freqs.weight';

/** What those numbers were made of, as JSON: GGUF has no keys for it, and programs read past those they do not know. */
const LLAMA3_PARAMETERS = 'transformers.rope_parameters';

const PREFIX = 'rope.scaling.';
/** `finetuned` and the length before scaling say where the model comes from; only YaRN computes with the latter. */
const KEYS = ['type', 'factor', 'finetuned', 'original_context_length'];
const YARN_KEYS = ['attn_factor', 'yarn_ext_factor', 'yarn_attn_factor', 'yarn_beta_fast', 'yarn_beta_slow'];

/**
 * The rotary scaling as config.json has it; undefined where positions are as the model was first trained.
 *
 * @param divisors the numbers of `rope_freqs.weight`, where there is such a tensor
 * @throws EvolveError if the file names a scaling, or a setting of one, that is not known
 */
export function rotaryScaling(
  metadata: gguf.Metadata,
  headDim: number,
  divisors: Float32Array | undefined,
): Readonly<Record<string, unknown>> | undefined {
  // llama.cpp takes what has no type for linear; older files call the factor scale_linear.
  const type = metadata.text(`${PREFIX}type`, 'linear');
  // 0 stands for none.
  const given = [`${PREFIX}factor`, 'rope.scale_linear'].find((key) => metadata.number(key, 0) !== 0);
  const factor = given === undefined ? 1 : metadata.positive(given);
  if (!['none', 'linear', 'yarn'].includes(type))
    throw metadata.refuse(`${PREFIX}type`, 'a rotary scaling that is not known; known are linear and yarn');
  const known = type === 'yarn' ? [...KEYS, ...YARN_KEYS] : KEYS;
  for (const key of metadata.keys(PREFIX)) {
    if (!known.includes(key.slice(PREFIX.length)))
      throw metadata.refuse(key, `which is not known for the rotary scaling ${type}`);
  }
  if (divisors) {
    if (type !== 'none' && (type !== 'linear' || factor !== 1))
      throw invalid(metadata.path, `has "${FREQUENCY_FACTORS}" beside the rotary scaling ${type}`, '');
    return llama3Scaling(metadata, headDim, divisors);
  }
  if (type === 'yarn') return yarnScaling(metadata, factor);
  return type === 'none' || factor === 1 ? undefined : { rope_type: 'linear', factor };
}

/** What a file says of the rotary scaling. @throws EvolveError if GGUF has no keys for it */
export function describeRotary({
  rotaryParameters: rope,
  headDim,
  positions,
}: LlamaConfig): Partial<gguf.Description> {
  const scaling = (type: string, values: Readonly<Record<string, number | null | undefined>>) => ({
    settings: [
      ['rope.scaling.type', { string: type }],
      ...Object.entries(values).flatMap(([key, f32]): [string, gguf.MetadataValue][] =>
        typeof f32 === 'number' ? [[`rope.scaling.${key}`, { f32 }]] : [],
      ),
    ] as [string, gguf.MetadataValue][],
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
        throw gguf.unwritable('GGUF has no keys for mscale, mscale_all_dim and truncate of YaRN');
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
      throw gguf.unwritable('GGUF has no name for the rotary scaling "dynamic" of config.json');
  }
}

/** What YaRN multiplies queries and keys with where nothing says otherwise. */
function yarnCorrection(factor: number): number {
  return factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
}

function yarnScaling(metadata: gguf.Metadata, factor: number): Record<string, unknown> {
  const positive = (key: string, missing?: number) => metadata.positive(`${PREFIX}${key}`, missing);
  const given = (key: string) => metadata.has(`${PREFIX}${key}`);
  if (metadata.number(`${PREFIX}yarn_ext_factor`, 1) !== 1)
    throw metadata.refuse(`${PREFIX}yarn_ext_factor`, 'but transformers has YaRN only in full, with 1');
  const scaling: Record<string, unknown> = {
    rope_type: 'yarn',
    factor,
    original_max_position_embeddings: metadata.count(
      `${PREFIX}original_context_length`,
      metadata.count('context_length'),
    ),
  };
  if (given('attn_factor') || given('yarn_attn_factor')) {
    // One is the whole correction of attention, as transformers has it; llama.cpp multiplies it with the other.
    scaling.attention_factor =
      positive('yarn_attn_factor', yarnCorrection(factor)) * positive('attn_factor', 1);
  }
  if (given('yarn_beta_fast')) scaling.beta_fast = positive('yarn_beta_fast');
  if (given('yarn_beta_slow')) scaling.beta_slow = positive('yarn_beta_slow');
  return scaling;
}

/** Llama 3.1 and later leave all but the factor as it was. */
const USUAL_LLAMA3 = {
  rope_type: 'llama3',
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

/** By what scaling divides rotary frequencies, `[headDim / 2]`. */
function frequencyDivisors(parameters: RotaryParameters, headDim: number): Float32Array {
  const plain = rotaryFrequencies(headDim, parameters.rope_theta);
  const scaled = makeRotary(parameters, headDim, parameters.original_max_position_embeddings);
  const frequencies = scaled.frequenciesFor(0);
  return Float32Array.from(plain, (frequency, i) => frequency / frequencies[i]);
}

/** The settings that yield these divisors: those that the file tells, or else the usual ones with the largest for factor. */
function llama3Scaling(
  metadata: gguf.Metadata,
  headDim: number,
  divisors: Float32Array,
): Readonly<Record<string, unknown>> {
  const told = parametersOf(metadata) ?? { ...USUAL_LLAMA3, factor: Math.max(...divisors) };
  const { data } = rotarySchema.safeParse(told);
  if (data?.rope_type === 'llama3' && data.original_max_position_embeddings) {
    const { original_max_position_embeddings: original } = data;
    const theta = metadata.positive('rope.freq_base', 10000);
    const parameters = { ...data, rope_theta: theta, original_max_position_embeddings: original };
    const expected = frequencyDivisors(parameters, headDim);
    const isSame = divisors.every((divisor, i) => Math.abs(divisor - expected[i]) < 1e-4 * expected[i]);
    const { rope_theta: _, ...settings } = parameters;
    if (isSame && divisors.length === expected.length) return settings;
  }
  const message = `its "${FREQUENCY_FACTORS}" are not those of Llama 3, the only ones that are known`;
  throw invalid(metadata.path, message, "Get the model in Hugging Face's layout instead.");
}

function parametersOf({ values }: gguf.Metadata): unknown {
  const text = values[LLAMA3_PARAMETERS];
  try {
    return text === undefined ? undefined : JSON.parse(String(text));
  } catch {
    return {};
  }
}
