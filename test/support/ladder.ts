import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Random } from '../../core/base/random.js';
import { writeSafetensors } from '../../plugins/checkpoints/safetensors/write.js';
import { fixture } from './files.js';
import { readJson } from './runs.js';

export const LADDER_HIDDEN = 16;
const SCALES = [0.5, 0.25];

/** Makes a model for test/fixtures/plugins/ladder-backbone.ts, with the tokenizer of llama/. */
export async function makeLadder(folder: string): Promise<void> {
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    cpSync(fixture('llama', name), path.join(folder, name));
  const vocabulary = Number(readJson(fixture('llama', 'config.json')).vocab_size);
  const config = {
    model_type: 'ladder',
    vocab_size: vocabulary,
    hidden_size: LADDER_HIDDEN,
    num_heads: 2,
    rung_scales: SCALES,
  };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  const random = new Random(1);
  const tensor = (rows: number) => ({
    shape: [rows, LADDER_HIDDEN],
    values: random.uniform(rows * LADDER_HIDDEN, -1, 1),
  });
  await writeSafetensors({
    path: path.join(folder, 'model.safetensors'),
    tensors: new Map([
      ['table.weight', tensor(vocabulary)],
      ...SCALES.map((_, i) => [`rungs.${i}.mix.weight`, tensor(LADDER_HIDDEN)] as const),
      ['output.weight', tensor(vocabulary)],
    ]),
  });
}
