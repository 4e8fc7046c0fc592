/** What a model of transformers becomes in GGUF: keys of its metadata, names of its tensors, the order of rotary rows. */

import { EvolveError, type TensorToWrite, z } from '../../../core/index.js';
import { ARCHITECTURES, LAYER_MODULES, MODULES } from './architectures.js';
import { FREQUENCY_FACTORS, LLAMA3_PARAMETERS, llama3Divisors, llama3Schema } from './rotary.js';
import type { MetadataValue } from './write.js';

/** By `model_type`: the architecture under which llama.cpp keeps it. */
const ARCHITECTURE_OF: Readonly<Record<string, keyof typeof ARCHITECTURES>> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
};

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

export interface GgufModel {
  /** `general.architecture` and the keys that begin with its name. */
  readonly metadata: readonly [string, MetadataValue][];
  readonly tensors: readonly NamedTensor[];
}

interface NamedTensor {
  readonly name: string;
  readonly tensor: TensorToWrite;
}

/**
 * @param json config.json
 * @param tensors by transformers' names
 * @throws EvolveError where GGUF has no names for such a model here
 */
export function describeModel(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorToWrite>,
): GgufModel {
  const name = ARCHITECTURE_OF[String(json.model_type)];
  if (name === undefined) {
    const known = Object.keys(ARCHITECTURE_OF).join(', ');
    const message = `GGUF is written for models of type ${known}, but this is a ${json.model_type}`;
    throw new EvolveError('MODEL_INVALID', message, 'Take --format safetensors.');
  }
  const config = parse(json);
  const { rope } = config;
  const heads = config.num_attention_heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  // What config.json may leave out depends on the model's type; the rows of its keys are what they are.
  const [keyRows] = tensors.get('model.layers.0.self_attn.k_proj.weight')?.shape ?? [heads * headDim];
  const kvHeads = keyRows / headDim;
  const metadata: [string, MetadataValue][] = [
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
    metadata.push(['rope.scaling.type', { string: 'linear' }], ['rope.scaling.factor', { f32: rope.factor }]);
  }
  const described: [string, MetadataValue][] = [
    ['general.architecture', { string: name }],
    ...metadata.map(([key, value]): [string, MetadataValue] => [`${name}.${key}`, value]),
  ];
  const counts: Readonly<Record<string, number>> = ARCHITECTURES[name].interleaved
    ? { attn_q: heads, attn_k: kvHeads }
    : {};
  const renamed = [...tensors].map(([of, tensor]) => renameTensor(of, tensor, counts));
  if (rope.rope_type === 'llama3') {
    const values = llama3Divisors(rope, headDim, rope.rope_theta);
    renamed.push({ name: FREQUENCY_FACTORS, tensor: { shape: [values.length], values, type: 'f32' } });
    described.push([LLAMA3_PARAMETERS, { string: JSON.stringify(rope) }]);
  }
  return { metadata: described, tensors: renamed };
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

const nameOfModule = inverse(MODULES);
const nameOfLayerModule = inverse(LAYER_MODULES);

function inverse(names: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(names).map(([gguf, transformers]) => [transformers, gguf]));
}

/** @param interleavedHeads by GGUF's names of modules: how many heads' rows are to be reordered */
function renameTensor(
  name: string,
  tensor: TensorToWrite,
  interleavedHeads: Readonly<Record<string, number>>,
): NamedTensor {
  const [, module, kind] = name.match(/^(.+)\.(weight|bias)$/) ?? [];
  const [, layer, part] = module?.match(/^model\.layers\.(\d+)\.(.+)$/) ?? [];
  const known = layer === undefined ? nameOfModule.get(module) : nameOfLayerModule.get(part);
  if (known === undefined) {
    const message = `GGUF has no name for the tensor ${name}`;
    throw new EvolveError('MODEL_INVALID', message, 'Take --format safetensors.');
  }
  const heads = layer === undefined ? undefined : interleavedHeads[known];
  return {
    name: `${layer === undefined ? known : `blk.${layer}.${known}`}.${kind}`,
    tensor: heads === undefined ? tensor : interleaved(tensor, heads),
  };
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
