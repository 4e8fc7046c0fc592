/** The layout in which mlx-lm keeps a LoRA adapter: adapter_config.json and adapters.safetensors, both matrices transposed. */

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointWrite, TensorToWrite } from '../contracts/checkpoint.js';
import { inCheckpoint } from './checkpoint-layout.js';
import { lowRankAdapter } from './low-rank.js';

/** mlx-lm goes through the model's layers, and finds in each the modules by their names there. */
const IN_LAYER = /^model\.layers\.\d+\.(.+)$/;

/** Writes both files into `folder`. @throws EvolveError if mlx-lm has no place for a layer's adapter */
export async function writeMlxAdapter(
  model: LanguageModel,
  folder: string,
  type: CheckpointWrite['type'],
  writeTensors: (request: CheckpointWrite) => Promise<void>,
): Promise<void> {
  const { alpha, layers } = lowRankAdapter(model);
  const tensors = new Map<string, TensorToWrite>();
  const keys = new Set<string>();
  for (const [name, { rank, a, b }] of layers) {
    const key = IN_LAYER.exec(name)?.[1];
    if (key === undefined) {
      const message = `mlx-lm takes adapters of modules within model.layers alone, but ${name} has one`;
      throw new EvolveError('ADAPTER_INVALID', message, 'Take --format safetensors for the whole model.');
    }
    keys.add(key);
    tensors.set(`${name}.lora_a`, inCheckpoint({ shape: [rank, a.length / rank], values: a }, 'in-out'));
    // mlx-lm has one scale for all layers, and does not divide by the rank.
    const values = b.map((value) => (value * first(layers).rank) / rank);
    tensors.set(`${name}.lora_b`, inCheckpoint({ shape: [b.length / rank, rank], values }, 'in-out'));
  }
  const { rank } = first(layers);
  await writeTensors({
    path: path.join(folder, 'adapters.safetensors'),
    tensors,
    type,
    metadata: { format: 'mlx' },
  });
  const config = {
    fine_tune_type: 'lora',
    // All of them. Where a layer has no numbers, its adapter adds nothing.
    num_layers: -1,
    lora_parameters: { rank, scale: alpha / rank, dropout: 0, keys: [...keys].sort() },
  };
  await writeFile(path.join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

function first<V>(map: ReadonlyMap<string, V>): V {
  return [...map.values()][0];
}
