/** One training step of a LLaMA of 7B's shape with random weights: int8, 512 tokens, gradient checkpointing. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { ROOT } from '../support/files.js';
import type { Context } from './context.js';
import { measuredPeak } from './kernels.js';
import { writeLongRows } from './long-rows.js';
import { eventOf, measureEvolve, stepsOf } from './processes.js';
import { CUTOFF, LORA } from './settings.js';
import type { Row } from './table.js';

/** The sizes of a LLaMA. */
export interface LlamaShape {
  readonly hidden: number;
  readonly wide: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly layers: number;
  readonly vocabulary: number;
}

const SHAPE = { hidden: 4096, wide: 11008, heads: 32, kvHeads: 32, vocabulary: 32000 };
const STEPS = 2;

/** The plugin that makes the weights. */
export const RANDOM_WEIGHTS = fileURLToPath(new URL('./random-llama.js', import.meta.url));

/** `layers` below 32 is for trying the bench out on a slow device. */
export function llama7b(layers: number) {
  return async (context: Context): Promise<Row[]> => {
    const config = writeRun(context, layers);
    const output = path.join(context.folder, 'llama-7b-run');
    const measured = await measureEvolve(['run', config, '--output', output], context.say);
    const ends = stepsOf(measured);
    // The first step also warms up; the second is a step as all others are.
    const seconds = ends[1].at - ends[0].at;
    // Forward and dx; checkpointing does the layers' forward pass twice.
    const operations = perPass(layers) * (context.plain ? 2 : 3) - (context.plain ? 0 : perPass(0));
    const cpuSeconds = (ends[1].cpu ?? Number.NaN) - (ends[0].cpu ?? Number.NaN);
    const peak = await measuredPeak(context);
    const what = layers === 32 ? '7B step' : `7B step with ${layers} layers only`;
    const norm = (ends[1].event.gradNorm as number).toPrecision(4);
    const { others } = measured;
    const raw = { measured, operations, peak };
    return [
      { what: `${what}, peak memory`, unit: 'bytes', ours: measured.peakBytes, theirs: null, others, raw },
      {
        what: `${what}, time`,
        unit: 's',
        ours: seconds,
        theirs: null,
        others,
        note: `gradient norm ${norm}`,
      },
      {
        what: `${what}, speed (theirs: our best int8 product)`,
        unit: 'GFLOP/s',
        ours: operations / seconds / 1e9,
        theirs: peak.aSecond / 1e9,
        others,
      },
      {
        // Where other programs run, a ratio of wall times says which of the two met more of them.
        what: `${what}, speed by CPU time (theirs: our best int8 product)`,
        unit: 'GFLOP/s',
        ours: Number.isNaN(cpuSeconds) ? null : operations / cpuSeconds / 1e9,
        theirs: peak.aCpuSecond / 1e9,
        others,
        note: 'a core',
      },
      {
        what: `${what}, command to first step`,
        unit: 's',
        ours: eventOf(measured, 'start').at,
        theirs: null,
        others,
      },
    ];
  };
}

/** Operations of a product with each linear layer, the output layer included. */
function perPass(layers: number): number {
  const { hidden, wide, vocabulary } = SHAPE;
  const parameters = layers * (4 * hidden * hidden + 3 * hidden * wide) + vocabulary * hidden;
  return 2 * CUTOFF * parameters;
}

/** Makes the folder of a LLaMA of 7B's shape; RANDOM_WEIGHTS fills it. */
export function writeLlama7b(context: Context, layers: number): string {
  return writeLlama(context, 'llama-7b', { ...SHAPE, layers });
}

/** Makes the folder of a LLaMA with the tokenizer of the embedded one; RANDOM_WEIGHTS fills it. */
export function writeLlama(context: Context, name: string, shape: LlamaShape): string {
  const model = path.join(context.folder, name);
  mkdirSync(model, { recursive: true });
  const tiny = path.join(ROOT, 'data', 'models', 'llama-tiny');
  copyFileSync(path.join(tiny, 'tokenizer_config.json'), path.join(model, 'tokenizer_config.json'));
  const tokenizer = JSON.parse(readFileSync(path.join(tiny, 'tokenizer.json'), 'utf8'));
  // Every row of the embedding needs a token; these stand in no text.
  const { vocab } = tokenizer.model;
  for (let id = Object.keys(vocab).length; id < shape.vocabulary; id++) vocab[`<unused_${id}>`] = id;
  writeFileSync(path.join(model, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(
    path.join(model, 'config.json'),
    JSON.stringify({
      model_type: 'llama',
      hidden_size: shape.hidden,
      intermediate_size: shape.wide,
      num_hidden_layers: shape.layers,
      num_attention_heads: shape.heads,
      num_key_value_heads: shape.kvHeads,
      vocab_size: shape.vocabulary,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-5,
    }),
  );
  return model;
}

function writeRun(context: Context, layers: number): string {
  const model = writeLlama7b(context, layers);
  const config = path.join(context.folder, 'llama-7b.yaml');
  const values = {
    model: { path: model },
    quantizer: context.plain ? 'int8' : { name: 'int8', compute: 'int8' },
    adapter: { ...LORA, dropout: 0 },
    data: {
      sources: [{ path: writeLongRows(context, 1), format: 'alpaca' }],
      cutoffLength: CUTOFF,
      validationSize: 0,
    },
    train: {
      perDeviceBatchSize: 1,
      gradientAccumulationSteps: 1,
      maxSteps: STEPS,
      warmupSteps: 0,
      ...(context.plain ? {} : { gradientCheckpointing: true }),
    },
    plugins: [RANDOM_WEIGHTS],
    device: context.device,
  };
  writeFileSync(config, stringify(values));
  return config;
}
