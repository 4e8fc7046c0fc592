/**
 * From llama.cpp's description of a model to transformers': the keys of config.json, the names of tensors, and the
 * order of their rows. Source: llama.cpp, gguf-py's tensor_mapping.py and convert_hf_to_gguf.py.
 */

import { invalid } from '../tensor-file.js';
import type { Container, StoredTensor } from './container.js';

/** What a tensor of the file is to the model. */
export interface ModelTensor {
  readonly stored: StoredTensor;
  /** Where row i of the model's tensor lies in the file; absent where it is the same. */
  readonly rowAt?: (row: number) => number;
}

interface Architecture {
  readonly modelType: string;
  readonly className: string;
  /** The file has rows of queries and keys in the order of interleaved rotary pairs; the model wants halves. */
  readonly interleaved: boolean;
  /** config.json says whether there are biases. */
  readonly tellsBias: boolean;
}

/** By `general.architecture`; Mistral goes as llama. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: { modelType: 'llama', className: 'LlamaForCausalLM', interleaved: true, tellsBias: true },
  qwen2: { modelType: 'qwen2', className: 'Qwen2ForCausalLM', interleaved: false, tellsBias: false },
};

/** From llama.cpp's names to transformers'. */
export const MODULES: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

export const LAYER_MODULES: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/** By what Llama 3 divides each rotary frequency; of the configuration, not of the model's weights. */
export const FREQUENCY_FACTORS = 'rope_freqs.weight';

export interface TranslatedModel {
  /** What config.json would hold. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By transformers' names. */
  readonly tensors: ReadonlyMap<string, ModelTensor>;
}

/**
 * @param frequencyFactors the numbers of `rope_freqs.weight`, where there is such a tensor
 * @throws EvolveError where the model is of another architecture, or lacks or has what one of it would not
 */
export function translate(container: Container, frequencyFactors: Float32Array | undefined): TranslatedModel {
  const { path, tensors } = container;
  const metadata = new Metadata(container);
  const architecture = ARCHITECTURES[metadata.name];
  if (!architecture) {
    const known = Object.keys(ARCHITECTURES).join(', ');
    const advice = `Known are ${known}. Get the model in Hugging Face's layout instead.`;
    throw invalid(path, `is a model of the architecture "${metadata.name}"`, advice);
  }
  const config = configOf(metadata, architecture, container, frequencyFactors);
  const heads: Readonly<Record<string, number>> = {
    attn_q: config.num_attention_heads,
    attn_k: config.num_key_value_heads,
  };
  const translated = new Map<string, ModelTensor>();
  for (const [name, stored] of tensors) {
    if (name === FREQUENCY_FACTORS) continue;
    const [, layer, module, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
    const known = (layer === undefined ? MODULES : LAYER_MODULES)[module];
    if (known === undefined) {
      const message = `holds the tensor "${name}", which no model of the architecture "${metadata.name}" has here`;
      throw invalid(path, message, "Get the model in Hugging Face's layout instead.");
    }
    const whole = `${layer === undefined ? known : `model.layers.${layer}.${known}`}.${kind}`;
    const headCount = layer === undefined ? undefined : heads[module];
    const isReordered = architecture.interleaved && headCount !== undefined;
    translated.set(
      whole,
      isReordered ? { stored, rowAt: fromHalves(stored, headCount, container) } : { stored },
    );
  }
  return { config, tensors: translated };
}

/** Row s·d/2 + j of a head of d rows (s: which half) lies in the file at 2·j + s. */
function fromHalves({ name, shape: [rows] }: StoredTensor, heads: number, { path }: Container) {
  const size = rows / heads;
  if (size % 2 !== 0)
    throw invalid(path, `the tensor "${name}" has ${rows} rows, which are not ${heads} heads`);
  const half = size / 2;
  return (row: number) => {
    const within = row % size;
    return row - within + 2 * (within % half) + Math.floor(within / half);
  };
}

type Config = Record<string, unknown> & { num_attention_heads: number; num_key_value_heads: number };

function configOf(
  metadata: Metadata,
  architecture: Architecture,
  { path, tensors }: Container,
  frequencyFactors: Float32Array | undefined,
): Config {
  if (metadata.number('expert_count', 0) > 0)
    throw invalid(path, 'is a mixture of experts, which no backbone here is', '');
  const embedding = tensors.get('token_embd.weight');
  if (!embedding) throw invalid(path, 'has no tensor "token_embd.weight"');
  const hiddenSize = metadata.number('embedding_length');
  const heads = metadata.number('attention.head_count');
  const headDim = metadata.number('attention.key_length', hiddenSize / heads);
  const valueDim = metadata.number('attention.value_length', headDim);
  const rotaryDim = metadata.number('rope.dimension_count', headDim);
  if (valueDim !== headDim || rotaryDim !== headDim) {
    const message = `has heads of ${headDim} for keys, ${valueDim} for values and ${rotaryDim} that are turned, which should be equal`;
    throw invalid(path, message, '');
  }
  const scaling = ropeScaling(metadata, path, headDim, frequencyFactors);
  return {
    model_type: architecture.modelType,
    architectures: [architecture.className],
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: metadata.number('feed_forward_length'),
    num_hidden_layers: metadata.number('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: metadata.number('attention.head_count_kv', heads),
    head_dim: headDim,
    vocab_size: embedding.shape[0],
    max_position_embeddings: metadata.number('context_length'),
    rms_norm_eps: metadata.number('attention.layer_norm_rms_epsilon'),
    rope_theta: metadata.number('rope.freq_base', 10000),
    ...(scaling && { rope_scaling: scaling }),
    tie_word_embeddings: !tensors.has('output.weight'),
    ...(architecture.tellsBias && { attention_bias: tensors.has('blk.0.attn_q.bias'), mlp_bias: false }),
    ...tokenIds(metadata),
  };
}

/** As config.json has it; undefined where positions are as the model was first trained. */
function ropeScaling(
  metadata: Metadata,
  path: string,
  headDim: number,
  frequencyFactors: Float32Array | undefined,
): Record<string, unknown> | undefined {
  const type = metadata.text('rope.scaling.type', 'none');
  if (frequencyFactors) {
    const scaling = llama3Scaling(frequencyFactors, headDim, metadata.number('rope.freq_base', 10000));
    if (scaling && type === 'none') return scaling;
    throw invalid(
      path,
      `its "${FREQUENCY_FACTORS}" are not those of Llama 3, the only ones that are known`,
      '',
    );
  }
  if (type === 'none') return undefined;
  const factor = metadata.number('rope.scaling.factor');
  if (type === 'linear') return { rope_type: 'linear', factor };
  if (type === 'yarn') {
    const original = metadata.number('rope.scaling.original_context_length');
    return { rope_type: 'yarn', factor, original_max_position_embeddings: original };
  }
  throw invalid(path, `scales rotary positions by "${type}"; known are linear and yarn`, '');
}

type Llama3Settings = typeof LLAMA3 & { readonly factor: number };

/** Llama 3.1 and later leave all but the factor as it was. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/**
 * By what Llama 3 divides its rotary frequencies, `[headDim / 2]`: long waves are stretched by the factor, short ones
 * left alone, those between in proportion. Source: transformers, modeling_rope_utils.py.
 */
export function llama3Divisors(settings: Llama3Settings, headDim: number, base: number): Float32Array {
  const { factor, low_freq_factor: low, high_freq_factor: high } = settings;
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const turns = settings.original_max_position_embeddings / (2 * Math.PI * base ** ((2 * i) / headDim));
    const smooth = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** The settings that yield these divisors of the frequencies, if Llama 3's do. */
function llama3Scaling(
  divisors: Float32Array,
  headDim: number,
  base: number,
): Record<string, unknown> | undefined {
  const factor = Math.max(...divisors);
  const expected = llama3Divisors({ ...LLAMA3, factor }, headDim, base);
  const isLlama3 =
    divisors.length === expected.length &&
    divisors.every((divisor, i) => Math.abs(divisor - expected[i]) < 1e-4 * expected[i]);
  return isLlama3 ? { rope_type: 'llama3', factor, ...LLAMA3 } : undefined;
}

/** The ids of special tokens, as far as the file tells them. */
function tokenIds({ values }: Metadata): Record<string, unknown> {
  const names = { bos_token_id: 'bos', eos_token_id: 'eos', pad_token_id: 'padding' };
  const found = Object.entries(names).map(([key, name]) => [key, values[`tokenizer.ggml.${name}_token_id`]]);
  return Object.fromEntries(found.filter(([, id]) => typeof id === 'number'));
}

/** The file's metadata, of which most keys begin with the architecture. */
class Metadata {
  readonly values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor({ metadata, path }: Container) {
    this.values = metadata;
    this.#path = path;
  }

  get name(): string {
    return String(this.values['general.architecture']);
  }

  /** A number; one of each layer where all are the same. */
  number(key: string, missing?: number): number {
    const whole = `${this.name}.${key}`;
    const given = this.values[whole] ?? missing;
    const all = Array.isArray(given) ? [...new Set(given)] : [given];
    const [value] = all;
    // An f32 has seven decimal digits: 1e-5 was meant where 9.999999747378752e-6 is kept.
    if (all.length === 1 && typeof value === 'number' && Number.isFinite(value))
      return Number.isInteger(value) ? value : Number(value.toPrecision(7));
    throw invalid(this.#path, `its metadata "${whole}" should be a number, but is ${JSON.stringify(given)}`);
  }

  text(key: string, missing: string): string {
    return String(this.values[`${this.name}.${key}`] ?? missing);
  }
}
