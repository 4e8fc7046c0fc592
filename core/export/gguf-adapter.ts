/** An adapter alone, as llama.cpp loads it beside a model. */

import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointFiles, CheckpointWrite, TensorToWrite } from '../contracts/checkpoint.js';
import { lowRankAdapter } from './low-rank.js';

/** What is to be written: the tensors of the adapter, and the config.json that says for which kind of model it is. */
export async function ggufAdapter(
  model: LanguageModel,
  { readModelFile }: Pick<CheckpointFiles, 'readModelFile'>,
): Promise<Pick<CheckpointWrite, 'tensors' | 'files' | 'adapter'>> {
  const { alpha, layers } = lowRankAdapter(model);
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, { rank, a, b }] of layers) {
    tensors.set(`${name}.weight.lora_a`, { shape: [rank, a.length / rank], values: a });
    tensors.set(`${name}.weight.lora_b`, { shape: [b.length / rank, rank], values: b });
  }
  const config = await readModelFile('config.json');
  return { tensors, files: new Map(config ? [['config.json', config]] : []), adapter: { alpha } };
}
