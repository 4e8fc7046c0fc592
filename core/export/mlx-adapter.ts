/** The layout in which mlx-lm keeps a LoRA adapter: adapter_config.json and adapters.safetensors, both matrices transposed. */

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointWrite, TensorToWrite } from '../contracts/checkpoint.js';
import type { LowRank } from '../contracts/linear-site.js';
import { inCheckpoint } from './checkpoint-layout.js';
import { lowRankAdapter } from './low-rank.js';

/** mlx-lm goes through the model's layers, and finds in each the modules by their names there. */
const IN_LAYER = /^model\.layers\.\d+\.(.+)$/;
/** It then goes through the model, and finds this by its whole name. */
const OUTPUT = 'lm_head';

/**
 * Writes both files into `folder`. Source: mlx-lm 0.32, tuner/utils.py and tuner/lora.py.
 *
 * @throws EvolveError if mlx-lm has no place for a layer's adapter
 */
export async function writeMlxAdapter(
  model: LanguageModel,
  folder: string,
  type: CheckpointWrite['type'],
  writeTensors: (request: CheckpointWrite) => Promise<void>,
): Promise<void> {
  const layers = [...lowRankAdapter(model).layers];
  const keys = new Set(layers.map(([name]) => keyOf(name)));
  // It has one rank and one scale for all, and does not divide by the rank.
  const rank = Math.max(...layers.map(([, own]) => own.rank));
  const [[, { scale }]] = layers;
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, own] of layers) {
    const { a, b } = ofRank(own, rank, scale);
    tensors.set(`${name}.lora_a`, inCheckpoint({ shape: [rank, a.length / rank], values: a }, 'in-out'));
    tensors.set(`${name}.lora_b`, inCheckpoint({ shape: [b.length / rank, rank], values: b }, 'in-out'));
  }
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
    lora_parameters: { rank, scale, dropout: 0, keys: [...keys].sort() },
  };
  await writeFile(path.join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

function keyOf(name: string): string {
  const key = name === OUTPUT ? name : IN_LAYER.exec(name)?.[1];
  if (key !== undefined) return key;
  const message = `mlx-lm takes adapters of ${OUTPUT} and of modules within model.layers alone, but ${name} has one`;
  throw new EvolveError('ADAPTER_INVALID', message, 'Take --format safetensors for the whole model.');
}

/** The same product under another scale, with rows of `a` and columns of `b` that are zero up to the rank. */
function ofRank(own: LowRank, rank: number, scale: number): Pick<LowRank, 'a' | 'b'> {
  const [columns, out] = [own.a.length / own.rank, own.b.length / own.rank];
  const a = new Float32Array(rank * columns);
  a.set(own.a);
  const b = new Float32Array(out * rank);
  for (let row = 0; row < out; row++)
    for (let k = 0; k < own.rank; k++) b[row * rank + k] = (own.b[row * own.rank + k] * own.scale) / scale;
  return { a, b };
}
