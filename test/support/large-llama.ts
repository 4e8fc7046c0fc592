/** A LLaMA of 200 MB with the tokenizer of the embedded one, whose random weights are the same each time. */

import { closeSync, cpSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { encodeFloats } from '../../core/base/floats.js';
import { Random } from '../../core/base/random.js';
import { ROOT } from './files.js';

const HIDDEN = 512;
const WIDE = 2048;
const LAYERS = 24;

/** The numbers of its quantized layers. */
export const LARGE_LINEARS = LAYERS * (4 * HIDDEN * HIDDEN + 3 * HIDDEN * WIDE);

/** Writes it into `folder`, with the weights in bf16. */
export function writeLargeLlama(folder: string): void {
  const tiny = path.join(ROOT, 'data', 'models', 'llama-tiny');
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    cpSync(path.join(tiny, name), path.join(folder, name));
  const config = JSON.parse(readFileSync(path.join(tiny, 'config.json'), 'utf8'));
  const sizes = { hidden_size: HIDDEN, intermediate_size: WIDE, num_hidden_layers: LAYERS };
  const heads = { num_attention_heads: 8, num_key_value_heads: 8 };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ ...config, ...sizes, ...heads }));

  const layer = {
    'self_attn.q_proj': [HIDDEN, HIDDEN],
    'self_attn.k_proj': [HIDDEN, HIDDEN],
    'self_attn.v_proj': [HIDDEN, HIDDEN],
    'self_attn.o_proj': [HIDDEN, HIDDEN],
    'mlp.gate_proj': [WIDE, HIDDEN],
    'mlp.up_proj': [WIDE, HIDDEN],
    'mlp.down_proj': [HIDDEN, WIDE],
    input_layernorm: [HIDDEN],
    post_attention_layernorm: [HIDDEN],
  };
  const shapes = [
    ['model.embed_tokens.weight', [config.vocab_size, HIDDEN]] as const,
    ['model.norm.weight', [HIDDEN]] as const,
    ...Array.from({ length: LAYERS }, (_, i) =>
      Object.entries(layer).map(([name, shape]) => [`model.layers.${i}.${name}.weight`, shape] as const),
    ).flat(),
  ];
  let at = 0;
  const header = shapes.map(([name, shape]) => {
    const bytes = shape.reduce((product, extent) => product * extent, 2);
    at += bytes;
    return [name, { dtype: 'BF16', shape, data_offsets: [at - bytes, at] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  // Drawn once; each matrix begins elsewhere in it.
  const drawn = encodeFloats('bf16', new Random(7).uniform(2 * HIDDEN * WIDE, -0.035, 0.035));
  const file = openSync(path.join(folder, 'model.safetensors'), 'w');
  try {
    writeSync(file, length);
    writeSync(file, text);
    for (const [i, [, [rows, columns]]] of shapes.entries()) {
      if (columns === undefined) writeSync(file, encodeFloats('bf16', new Float32Array(rows).fill(1)));
      else
        for (let left = 2 * rows * columns, at = (2 * 7919 * i) % drawn.length; left > 0; at = 0) {
          const part = drawn.subarray(at, at + left);
          writeSync(file, part);
          left -= part.length;
        }
    }
  } finally {
    closeSync(file);
  }
}
