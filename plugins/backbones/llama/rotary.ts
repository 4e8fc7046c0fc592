/** The rotary embedding of LLaMA and its kin: what config.json says of it, and the angles that follow. */

import {
  type Batch,
  type RotaryAngles,
  rotaryAngles,
  rotaryFrequencies,
  tf,
  z,
} from '../../../core/index.js';

const positive = z.number().positive();
const size = z.number().int().positive();

/** What every kind may have. A key that is not known is refused: the numbers would be others. */
const base = z.strictObject({
  rope_theta: positive.optional(),
  /** As older files call `rope_type`. */
  type: z.string().optional(),
  partial_rotary_factor: z.literal(1).optional(),
  /** Where the model comes from, not what it computes. */
  finetuned: z.boolean().optional(),
  original_max_position_embeddings: size.nullish(),
});

const TYPES = ['default', 'linear', 'dynamic', 'llama3', 'yarn'] as const;

/** `rope_parameters` of config.json, or `rope_scaling` as older files call it; `rope_type` must be set. */
export const rotarySchema = z.discriminatedUnion(
  'rope_type',
  [
    base.extend({ rope_type: z.literal('default') }),
    base.extend({ rope_type: z.literal('linear'), factor: positive }),
    base.extend({ rope_type: z.literal('dynamic'), factor: positive }),
    base.extend({
      rope_type: z.literal('llama3'),
      factor: positive,
      low_freq_factor: positive,
      high_freq_factor: positive,
    }),
    base.extend({
      rope_type: z.literal('yarn'),
      factor: positive.nullish(),
      attention_factor: positive.nullish(),
      beta_fast: positive.nullish(),
      beta_slow: positive.nullish(),
      mscale: z.number().nullish(),
      mscale_all_dim: z.number().nullish(),
      truncate: z.boolean().default(true),
    }),
  ],
  { error: `expected one of ${TYPES.join(', ')}` },
);

/** What config.json says, with the base and the positions before scaling wherever it says them. */
export type RotaryParameters = z.infer<typeof rotarySchema> & {
  readonly rope_theta: number;
  readonly original_max_position_embeddings: number;
};
type Yarn = Extract<RotaryParameters, { rope_type: 'yarn' }>;
type Llama3 = Extract<RotaryParameters, { rope_type: 'llama3' }>;

/** Turns by position × frequency. */
export interface Rotary {
  /** The frequencies, `[headDim / 2]`, for a sequence of so many tokens; the same array where they are the same. */
  frequenciesFor(length: number): Float64Array;
  /** What cosine and sine are multiplied with. */
  readonly scale: number;
  /** Positions that are within reach. */
  readonly maxPositions: number;
}

/**
 * The kinds of transformers' modeling_rope_utils.py, held to it in the tests.
 *
 * @param maxPositions `max_position_embeddings`
 */
export function makeRotary(parameters: RotaryParameters, headDim: number, maxPositions: number): Rotary {
  const { rope_theta: theta, original_max_position_embeddings: original } = parameters;
  const plain = rotaryFrequencies(headDim, theta);
  const constant = (frequencies: Float64Array, positions: number, scale = 1): Rotary => ({
    frequenciesFor: () => frequencies,
    scale,
    maxPositions: Math.max(maxPositions, Math.floor(positions)),
  });
  switch (parameters.rope_type) {
    case 'default':
      return constant(plain, maxPositions);
    case 'linear': {
      const { factor } = parameters;
      return constant(
        plain.map((frequency) => frequency / factor),
        maxPositions * factor,
      );
    }
    case 'dynamic':
      return dynamic(plain, parameters.factor, theta, maxPositions);
    case 'llama3':
      return constant(llama3(plain, parameters, original), original * parameters.factor);
    case 'yarn': {
      const factor = parameters.factor ?? maxPositions / original;
      const frequencies = yarn(plain, parameters, factor, theta, original);
      return constant(frequencies, original * factor, yarnScale(parameters, factor));
    }
  }
}

/**
 * The base grows with the length of the sequence once that is beyond `maxPositions` ("NTK-aware" scaling). Each sequence
 * has the base of its own length, as transformers has it for one sequence alone.
 */
function dynamic(plain: Float64Array, factor: number, theta: number, maxPositions: number): Rotary {
  const headDim = 2 * plain.length;
  return {
    frequenciesFor: (length) => {
      if (length <= maxPositions) return plain;
      const growth = (factor * length) / maxPositions - (factor - 1);
      return rotaryFrequencies(headDim, theta * growth ** (headDim / (headDim - 2)));
    },
    scale: 1,
    maxPositions: Math.floor(maxPositions * factor),
  };
}

/** Llama 3.1: long waves are stretched by `factor`, short ones left, those between in part. */
function llama3(plain: Float64Array, parameters: Llama3, original: number): Float64Array {
  const { factor, low_freq_factor: low, high_freq_factor: high } = parameters;
  return plain.map((frequency) => {
    const turns = (original * frequency) / (2 * Math.PI);
    if (turns > high) return frequency;
    if (turns < low) return frequency / factor;
    const kept = (turns - low) / (high - low);
    return ((1 - kept) * frequency) / factor + kept * frequency;
  });
}

/** YaRN (arXiv 2309.00071): as Llama 3.1's, with a ramp over the frequencies' index. */
function yarn(
  plain: Float64Array,
  parameters: Yarn,
  factor: number,
  theta: number,
  original: number,
): Float64Array {
  const dim = 2 * plain.length;
  const { beta_fast: fast, beta_slow: slow, truncate } = parameters;
  // The index of the frequency that makes so many turns in the original length.
  const indexOf = (turns: number) =>
    (dim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [indexOf(fast || 32), indexOf(slow || 1)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const high = Math.min(truncate ? Math.ceil(last) : last, dim - 1);
  const width = low === high ? 0.001 : high - low;
  return plain.map((frequency, i) => {
    const stretched = Math.min(1, Math.max(0, (i - low) / width));
    return (frequency / factor) * stretched + frequency * (1 - stretched);
  });
}

/** YaRN's correction of the softmax's temperature, which is put on queries and keys. */
function yarnScale(parameters: Yarn, factor: number): number {
  const { attention_factor: given, mscale, mscale_all_dim: ofAll } = parameters;
  const scaleOf = (strength: number) => (factor <= 1 ? 1 : 0.1 * strength * Math.log(factor) + 1);
  return given ?? (mscale && ofAll ? scaleOf(mscale) / scaleOf(ofAll) : scaleOf(1));
}

/** The angles of every token of a batch. */
export function anglesOf({ positions, offsets }: Batch, rotary: Rotary): RotaryAngles {
  const ends = offsets.subarray(1);
  const frequencies = Array.from(ends, (end) => rotary.frequenciesFor(positions[end - 1] + 1));
  if (new Set(frequencies).size === 1) return rotaryAngles(positions, frequencies[0], rotary.scale);
  const parts = frequencies.map((of, s) =>
    rotaryAngles(positions.subarray(offsets[s], offsets[s + 1]), of, rotary.scale),
  );
  const joined = (part: 'cos' | 'sin') =>
    tf.concat<tf.Tensor2D>(
      parts.map((angles) => angles[part]),
      0,
    );
  return { cos: joined('cos'), sin: joined('sin') };
}
