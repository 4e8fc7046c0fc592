/**
 * From llama.cpp's description of a model to transformers': the keys of config.json, the names of tensors, and the
 * order of their rows. Source: llama.cpp, gguf-py's tensor_mapping.py and convert_hf_to_gguf.py.
 */

import { invalid } from '../tensor-file.js';
import type { Container, StoredTensor } from './container.js';
import { Metadata } from './metadata.js';
import { FREQUENCY_FACTORS, rotaryScaling } from './rotary.js';

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
  /** Modules that may have biases. Either all of a group have one in every layer or none; `key` of config.json says which. */
  readonly biases: readonly { readonly key?: string; readonly modules: readonly string[] }[];
}

/** By `general.architecture`; Mistral goes as llama. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: {
    modelType: 'llama',
    className: 'LlamaForCausalLM',
    interleaved: true,
    biases: [
      { key: 'attention_bias', modules: ['attn_q', 'attn_k', 'attn_v', 'attn_output'] },
      { key: 'mlp_bias', modules: ['ffn_gate', 'ffn_up', 'ffn_down'] },
    ],
  },
  qwen2: {
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    interleaved: false,
    biases: [{ modules: ['attn_q', 'attn_k', 'attn_v'] }],
  },
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
  const architecture = ARCHITECTURES[metadata.architecture];
  if (!architecture) {
    const known = Object.keys(ARCHITECTURES).join(', ');
    const advice = `Known are ${known}. Get the model in Hugging Face's layout instead.`;
    throw invalid(path, `is a model of the architecture "${metadata.architecture}"`, advice);
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
    const mayBe = kind === 'weight' || architecture.biases.some(({ modules }) => modules.includes(module));
    if (known === undefined || !mayBe) {
      const message = `holds the tensor "${name}", which no model of the architecture "${metadata.architecture}" has here`;
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
  container: Container,
  frequencyFactors: Float32Array | undefined,
): Config {
  const { path, tensors } = container;
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
  const scaling = rotaryScaling(metadata, headDim, frequencyFactors);
  const layers = metadata.number('block_count');
  return {
    model_type: architecture.modelType,
    architectures: [architecture.className],
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: metadata.number('feed_forward_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: metadata.number('attention.head_count_kv', heads),
    head_dim: headDim,
    vocab_size: embedding.shape[0],
    max_position_embeddings: metadata.number('context_length'),
    rms_norm_eps: metadata.number('attention.layer_norm_rms_epsilon'),
    rope_theta: metadata.number('rope.freq_base', 10000),
    ...(scaling && { rope_scaling: scaling }),
    tie_word_embeddings: !tensors.has('output.weight'),
    ...biasFlags(architecture, layers, container),
    ...tokenIds(metadata),
  };
}

/** What config.json says of biases, told by the tensors that there are. */
function biasFlags({ biases }: Architecture, layers: number, { path, tensors }: Container) {
  const modulesWithBias = [...tensors.keys()].flatMap(
    (name) => /^blk\.\d+\.(\w+)\.bias$/.exec(name)?.[1] ?? [],
  );
  const flags: Record<string, boolean> = {};
  for (const { key, modules } of biases) {
    if (key === undefined) continue;
    const found = modulesWithBias.filter((module) => modules.includes(module)).length;
    const all = layers * modules.length;
    if (found !== 0 && found !== all) {
      const message = `has ${found} biases of ${modules.join(', ')}, where ${layers} layers have ${all}, or none`;
      throw invalid(path, message, 'transformers has no such model.');
    }
    flags[key] = found > 0;
  }
  return flags;
}

/** The ids of special tokens, as far as the file tells them. */
function tokenIds({ values }: Metadata): Record<string, unknown> {
  const names = { bos_token_id: 'bos', eos_token_id: 'eos', pad_token_id: 'padding' };
  const found = Object.entries(names).map(([key, name]) => [key, values[`tokenizer.ggml.${name}_token_id`]]);
  return Object.fromEntries(found.filter(([, id]) => typeof id === 'number'));
}
