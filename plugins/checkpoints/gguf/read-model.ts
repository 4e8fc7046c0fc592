/** From llama.cpp's description of a model to transformers': config.json, the names of tensors, the order of their rows. */

import type { Architecture, Heads, Metadata } from '../kit/gguf/index.js';
import { invalid } from '../kit/tensor-file.js';
import type { Container, StoredTensor } from './container.js';

/** What a tensor of the file is to the model. */
export interface ModelTensor {
  readonly stored: StoredTensor;
  /** Where row i of the model's tensor lies in the file; absent where it is the same. */
  readonly rowAt?: (row: number) => number;
}

export interface TranslatedModel {
  /** What config.json would hold. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By transformers' names. */
  readonly tensors: ReadonlyMap<string, ModelTensor>;
}

/** @throws EvolveError if the file is of an architecture that is none of these */
export function architectureOf(metadata: Metadata, architectures: readonly Architecture[]): Architecture {
  const architecture = architectures.find(({ name }) => name === metadata.architecture);
  if (architecture) return architecture;
  const known = architectures.map(({ name }) => name).join(', ');
  const advice = `Known are ${known}. Get the model in Hugging Face's layout instead.`;
  throw invalid(metadata.path, `is a model of the architecture "${metadata.architecture}"`, advice);
}

/**
 * @param settings the numbers of the architecture's `settingTensors`
 * @throws EvolveError if the model lacks or has what one of the architecture would not
 */
export function translate(
  { path, tensors }: Container,
  metadata: Metadata,
  architecture: Architecture,
  settings: ReadonlyMap<string, Float32Array>,
): TranslatedModel {
  if (metadata.number('expert_count', 0) > 0)
    throw invalid(path, 'is a mixture of experts, which no backbone here is', '');
  const embedding = tensors.get('token_embd.weight');
  if (!embedding) throw invalid(path, 'has no tensor "token_embd.weight"');
  const { config, ...heads } = architecture.read(metadata, settings);
  const translated = new Map<string, ModelTensor>();
  for (const [name, stored] of tensors) {
    if (!settings.has(name)) translated.set(...translateTensor(architecture, stored, heads, path));
  }
  return {
    config: {
      model_type: architecture.modelTypes[0],
      architectures: [architecture.className],
      ...config,
      vocab_size: embedding.shape[0],
      tie_word_embeddings: !tensors.has('output.weight'),
      ...biasFlags(architecture, metadata.number('block_count'), path, tensors),
      ...tokenIds(metadata),
    },
    tensors: translated,
  };
}

function translateTensor(
  architecture: Architecture,
  stored: StoredTensor,
  heads: Heads,
  path: string,
): [string, ModelTensor] {
  const { name } = stored;
  const [, layer, module, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const { modules, layerModules, layers, biases, rowOrders } = architecture;
  const known = (layer === undefined ? modules : layerModules)[module];
  const mayBe = kind === 'weight' || biases.some((group) => group.modules.includes(module));
  if (known === undefined || !mayBe) {
    const message = `holds the tensor "${name}", which no model of the architecture "${architecture.name}" has here`;
    throw invalid(path, message, "Get the model in Hugging Face's layout instead.");
  }
  const whole = `${layer === undefined ? known : `${layers}.${layer}.${known}`}.${kind}`;
  const order = layer === undefined ? undefined : rowOrders[module];
  if (!order) return [whole, { stored }];
  const [rows] = stored.shape;
  const rowAt = order(rows, heads);
  if (!rowAt) {
    const message = `the tensor "${name}" has ${rows} rows, which are not those of ${heads.heads} heads, ${heads.kvHeads} of keys`;
    throw invalid(path, message);
  }
  return [whole, { stored, rowAt }];
}

/** What config.json says of biases, told by the tensors that there are. */
function biasFlags({ biases }: Architecture, layers: number, path: string, tensors: Container['tensors']) {
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

/** The ids of special tokens, as far as the file tells them. @throws EvolveError if one is the id of no token */
function tokenIds({ values, path }: Metadata): Record<string, unknown> {
  const names = { bos_token_id: 'bos', eos_token_id: 'eos', pad_token_id: 'padding' };
  const tokens = values['tokenizer.ggml.tokens'];
  const count = Array.isArray(tokens) ? tokens.length : 0;
  const found = Object.entries(names).flatMap(([key, name]) => {
    const place = `tokenizer.ggml.${name}_token_id`;
    const id = values[place];
    if (id === undefined) return [];
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && (id < count || !tokens))
      return [[key, id]];
    throw invalid(
      path,
      `its metadata "${place}" is ${JSON.stringify(id)}, the id of none of ${count} tokens`,
    );
  });
  return Object.fromEntries(found);
}
