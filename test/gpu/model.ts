/** A LLaMA of any shape with random weights, and quantizers that take no time. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { definePlugin, type FrozenWeight } from '../../core/index.js';
import type { Plugin } from '../../core/plugins/plugin.js';
import { Int8Weight, quantizeInt8 } from '../../plugins/quantizers/int8/int8-weight.js';
import { Nf4Weight } from '../../plugins/quantizers/nf4/nf4-weight.js';
import { quantizeNf4 } from '../../plugins/quantizers/nf4/quantize.js';
import randomWeights from '../bench/random-llama.js';
import { ROOT } from '../support/files.js';
import type { Llama } from './shapes.js';

/** Makes the model's folder; randomWeights fills it. */
export function modelFolder(parent: string, shape: Llama): string {
  const folder = path.join(parent, `llama-${shape.hidden}-${shape.layers}`);
  mkdirSync(folder, { recursive: true });
  const tiny = path.join(ROOT, 'data', 'models', 'llama-tiny');
  copyFileSync(path.join(tiny, 'tokenizer_config.json'), path.join(folder, 'tokenizer_config.json'));
  const tokenizer = JSON.parse(readFileSync(path.join(tiny, 'tokenizer.json'), 'utf8'));
  // Every row of the embedding needs a token; these stand in no text.
  const { vocab } = tokenizer.model;
  for (let id = Object.keys(vocab).length; id < shape.vocabulary; id++) vocab[`<unused_${id}>`] = id;
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  const config = {
    model_type: 'llama',
    hidden_size: shape.hidden,
    intermediate_size: shape.wide,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.heads,
    vocab_size: shape.vocabulary,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
  };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

/** A file of rows that are each longer than any cutoff. */
export function rowsFile(folder: string, count: number): string {
  const file = path.join(folder, `rows-${count}.json`);
  const rows = Array.from({ length: count }, (_, i) => ({
    instruction: `Count from ${i}.`,
    input: '',
    output: Array.from({ length: 1000 }, (_, k) => i + k).join(' '),
  }));
  writeFileSync(file, JSON.stringify(rows));
  return file;
}

/**
 * Plugins that fill the folder, and put a weight in int8 or nf4 in the place of each linear layer's; `bf16`
 * leaves them. One of each shape is quantized, and its
 * numbers are every layer's: to quantize a 30B takes JavaScript longer than all that is measured.
 */
export function randomModel(storage: string): Plugin[] {
  if (storage === 'bf16') return [randomWeights];
  const made = new Map<string, FrozenWeight>();
  const copyOf = (weight: FrozenWeight): FrozenWeight => {
    const shape = String(weight.shape);
    const first =
      made.get(shape) ??
      (storage === 'int8' ? quantizeInt8(weight, 'bf16') : quantizeNf4(weight, { doubleQuantization: true }));
    made.set(shape, first);
    if (first instanceof Int8Weight) return new Int8Weight(first.shape, first.values, first.scales, 'bf16');
    const { codes, absmax, absmaxCodes, nestedAbsmax, offset } = first as Nf4Weight;
    const scales = absmax
      ? { absmax }
      : { absmaxCodes: absmaxCodes!, nestedAbsmax: nestedAbsmax!, offset: offset! };
    return new Nf4Weight(first.shape, codes, scales);
  };
  return [
    randomWeights,
    definePlugin({
      name: `random-${storage}`,
      apiVersion: 2,
      apply(trainer) {
        trainer.hooks.quantize.tap(async (model) => {
          for (const site of model.linears) if (!site.isOutput) site.weight = copyOf(site.weight);
          return model;
        });
      },
    }),
  ];
}
