/**
 * The layout in which PEFT keeps a LoRA adapter: adapter_config.json and adapter_model.safetensors, or as it did before
 * version 0.6 adapter_model.bin, which is read only.
 */

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type CheckpointFiles,
  decodeFloats,
  EvolveError,
  type LanguageModel,
  parseModelName,
  type SaveRequest,
  tf,
} from '../../../core/index.js';
import { copiesIn, copyFault } from './base-copies.js';
import type { LoraLayer } from './layer.js';
import type { LoraOptions } from './options.js';

/** By the names of their linear layers. */
type Layers = ReadonlyMap<string, LoraLayer>;

const MODEL_FILE = 'adapter_model.safetensors';
const FORMER_MODEL_FILE = 'adapter_model.bin';

/** The names under which PEFT saves the branch of the linear layer `site`. */
export function peftNames(site: string): { a: string; b: string } {
  const module = `base_model.model.${site}`;
  return { a: `${module}.lora_A.weight`, b: `${module}.lora_B.weight` };
}

/** Writes both files into the request's folder. */
export async function writeAdapter(
  request: SaveRequest,
  options: LoraOptions,
  layers: Layers,
): Promise<void> {
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [name, variable] of request.model.trainable) {
    const values = (await variable.data()) as Float32Array;
    if (!values.every(Number.isFinite)) throw new Error(`${name} holds a value that is no finite number`);
    tensors.set(name, { shape: variable.shape, values });
  }
  await request.writeTensors({
    path: path.join(request.folder, MODEL_FILE),
    tensors,
    metadata: { format: 'pt' },
  });
  const config = JSON.stringify(adapterConfig(request.model, options, layers), null, 2);
  await writeFile(path.join(request.folder, 'adapter_config.json'), `${config}\n`);
}

/** As PEFT's LoraConfig serializes itself; every key is one that it reads. */
function adapterConfig(model: LanguageModel, options: LoraOptions, layers: Layers): Record<string, unknown> {
  // What was selected in another way than by ends of names is told layer by layer.
  const { targetModules = [] } = options.selection ? { targetModules: [...layers.keys()] } : options;
  const base = parseModelName(model.name);
  return {
    alpha_pattern: othersThan(options, 'alpha', layers),
    auto_mapping: null,
    base_model_name_or_path: base?.repository ?? model.path,
    bias: 'none',
    // PEFT finds out by itself which layers are so, and says it where others are not.
    fan_in_fan_out: model.linears.some(({ name, layout }) => layout === 'in-out' && layers.has(name)),
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: options.alpha,
    lora_dropout: options.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: options.r,
    rank_pattern: othersThan(options, 'r', layers),
    revision: base?.revision ?? null,
    target_modules: typeof targetModules === 'string' ? targetModules : [...targetModules].sort(),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: options.useRslora,
  };
}

/** The layers of which an option is not that of most. */
function othersThan(options: LoraOptions, key: 'r' | 'alpha', layers: Layers): Record<string, number> {
  const own = [...layers].map(([name, layer]) => [name, layer.options[key]] as const);
  return Object.fromEntries(own.filter(([, value]) => value !== options[key]));
}

/** Sets the branches, by the name of their linear layer in `model`, to what the adapter in `folder` holds. */
export async function readAdapter(
  folder: string,
  layers: Layers,
  model: LanguageModel,
  files: CheckpointFiles,
): Promise<void> {
  const found = [MODEL_FILE, FORMER_MODEL_FILE].find((name) => existsSync(path.join(folder, name)));
  const file = path.join(folder, found ?? MODEL_FILE);
  const fail = (message: string): never => {
    throw new EvolveError(
      'ADAPTER_INVALID',
      `${file}: ${message}`,
      'The adapter must have been made for this base model.',
    );
  };
  if (!found) fail(`there is no such file, nor ${FORMER_MODEL_FILE}`);
  const checkpoint = await files.open(file);
  try {
    const parts = [...layers].flatMap(([site, layer]): [string, tf.Variable][] => {
      const { a, b } = peftNames(site);
      return [
        [a, layer.a],
        [b, layer.b],
      ];
    });
    const expected = new Set(parts.map(([name]) => name));
    const missing = parts.filter(([name]) => !checkpoint.tensors.has(name)).map(([name]) => name);
    const copies = copiesIn(checkpoint, model);
    const foreign = [...checkpoint.tensors.keys()].filter((name) => !expected.has(name) && !copies.has(name));
    if (missing.length > 0) fail(`lacks ${missing.length} of ${parts.length} tensors, such as ${missing[0]}`);
    if (foreign.length > 0) fail(`holds ${foreign.length} tensors that fit nowhere, such as ${foreign[0]}`);
    for (const [name, weight] of copies) {
      const fault = await copyFault(checkpoint, name, weight);
      if (fault) fail(fault);
    }
    for (const [name, variable] of parts) {
      const info = checkpoint.tensors.get(name);
      if (info?.shape.join() !== variable.shape.join())
        fail(`${name} is [${info?.shape}], expected [${variable.shape}]`);
      const values = new Float32Array(variable.size);
      decodeFloats(info?.type ?? 'f32', await checkpoint.read(name), values);
      const tensor = tf.tensor(values, variable.shape);
      variable.assign(tensor);
      tensor.dispose();
    }
  } finally {
    await checkpoint.close();
  }
}
