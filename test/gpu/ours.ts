/** Our side of one part: `node ours.js NAME`. The last line that it prints is JSON, figures by name. */

import 'reflect-metadata';
import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { DenseWeight, encodeFloats, gelu, type LanguageModel, linear, Random } from '../../core/index.js';
import { BF16, type CudaBackend } from '../../plugins/devices/cuda/backend.js';
import { LargeProducts } from '../../plugins/devices/cuda/kernels/large-products.js';
import { multiply } from '../../plugins/devices/cuda/kernels/products.js';
import { textOf, timeTokens } from '../bench/decode.js';
import { LORA } from '../bench/settings.js';
import { median } from '../bench/statistics.js';
import { compose } from '../support/compose.js';
import { ROOT } from '../support/files.js';
import { modelFolder, randomModel, rowsFile } from './model.js';
import {
  DECODING,
  LINEARS,
  LLAMA_7B,
  LLAMA_30B,
  type Llama,
  LOSS_STEPS,
  PRODUCTS,
  REPEATS,
  TRAINING,
} from './shapes.js';

const DEVICE = { name: 'cuda', driver: process.env.EVOLVE_CUDA_DRIVER ?? 'libcuda.so.1' };
const FOLDER = path.join(os.tmpdir(), `evolve-gpu-${process.pid}`);

type Figures = Record<string, number>;

const backend = () => tf.backend() as unknown as CudaBackend;

/** Seconds of one call, when many follow each other and the card is waited for at the end. */
function secondsOf(use: () => void): number {
  use();
  backend().driver.addon.synchronize();
  const start = performance.now();
  for (let i = 0; i < REPEATS; i++) use();
  backend().driver.addon.synchronize();
  return (performance.now() - start) / 1000 / REPEATS;
}

async function linears(): Promise<Figures> {
  const run = await compose({ device: DEVICE });
  const device = await run.assembler.openDevice();
  const figures: Figures = {};
  for (const [tokens, width, out] of LINEARS) {
    const numbers = new Random(1).uniform(out * width, -0.05, 0.05);
    const site = { weight: new DenseWeight([out, width], 'bf16', encodeFloats('bf16', numbers)) };
    // The model tells the device that what lies between products is bf16.
    const free = device.placeWeights?.({ linears: [site], embeddings: [] } as unknown as LanguageModel);
    const operations = 2 * tokens * width * out;
    tf.tidy(() => {
      const x = gelu(tf.randomNormal([tokens, width])) as tf.Tensor2D;
      const dy = gelu(tf.randomNormal([tokens, out]));
      const forward = secondsOf(() => tf.tidy(() => void linear(x, site.weight)));
      const both = secondsOf(() =>
        tf.tidy(() => void tf.grad((x) => linear(x as tf.Tensor2D, site.weight))(x, dy)),
      );
      const what = `${tokens}×${width}×${out}`;
      figures[`${what}, forward, GFLOP`] = operations / forward / 1e9;
      figures[`${what}, forward and backward, GFLOP`] = (2 * operations) / both / 1e9;
    });
    free?.();
  }
  return figures;
}

/** Products in bf16 by own kernels, or by cublasLt where the device takes it. */
async function products(byCublasLt: boolean): Promise<Figures> {
  const run = await compose({ device: DEVICE });
  const { details } = await run.assembler.openDevice();
  const told = details?.cublasLt ?? '';
  console.log(`cublasLt: ${told}`);
  if (byCublasLt && !told.endsWith('takes the large products')) return {};
  const { pool, driver } = backend();
  const largest = (sizeOf: (shape: [number, number, number]) => number) => Math.max(...PRODUCTS.map(sizeOf));
  const sizes = [
    largest(([rows, width, out]) => rows * Math.max(width, out)),
    largest(([, width, out]) => width * out),
  ];
  const [left, right, result] = [sizes[0], sizes[1], sizes[0]].map((size) => pool.take(2 * size));
  for (const [i, pointer] of [left, right].entries()) {
    // Zeros would let the card run faster than it does.
    driver.addon.upload(pointer, encodeFloats('bf16', new Random(i).uniform(sizes[i], -1, 1)));
  }
  const large = new LargeProducts(backend(), console.error);
  const figures: Figures = {};
  for (const [rows, width, out] of PRODUCTS) {
    for (const [what, n, k, isTransposed] of [
      ['forward', out, width, false],
      ['backward', width, out, true],
    ] as const) {
      const a = { array: { pointer: left, type: BF16 } } as const;
      const b = { array: { pointer: right, type: BF16 }, isTransposed } as const;
      const c = { pointer: result, type: BF16 } as const;
      const shape = { m: rows, n, k };
      const seconds = secondsOf(() => {
        if (!byCublasLt) multiply({ backend: backend() }, a, b, c, shape, { compute: BF16 });
        else if (!large.compute({ a, b, c, ...shape, factor: 1, bias: null }))
          throw new Error('no algorithm');
      });
      figures[`${rows}×${width}×${out}, ${what}, GFLOP`] = (2 * rows * width * out) / seconds / 1e9;
    }
  }
  return figures;
}

/** Steps of training with LoRA on `rows` × `cutoff` tokens, with gradient checkpointing. */
async function training(shape: Llama, storage: string): Promise<Figures> {
  const { rows, cutoff, steps } = TRAINING;
  const ends: number[] = [];
  const run = await compose(
    {
      model: { path: modelFolder(FOLDER, shape) },
      quantizer: 'none',
      adapter: { ...LORA, dropout: 0 },
      data: {
        sources: [{ path: rowsFile(FOLDER, rows), format: 'alpaca' }],
        cutoffLength: cutoff,
        validationSize: 0,
      },
      train: {
        perDeviceBatchSize: rows,
        gradientAccumulationSteps: 1,
        gradientCheckpointing: true,
        maxSteps: steps,
        warmupSteps: 0,
        epochs: steps,
      },
      device: DEVICE,
      output: path.join(FOLDER, 'run'),
    },
    { further: randomModel(storage) },
  );
  run.hooks.step.tap('bench', () => {
    ends.push(performance.now() / 1000);
  });
  const start = performance.now() / 1000;
  await run.trainer.run();
  const seconds = median(ends.slice(1).map((end, i) => end - ends[i]));
  return {
    'a step, speed': (rows * cutoff) / seconds,
    'a step, seconds': seconds,
    'peak, memory': backend().pool.peakBytes,
    'until the first step is done, seconds': ends[0] - start,
  };
}

async function decoding(storage: string): Promise<Figures> {
  const figures: Figures = {};
  const values = {
    model: { path: modelFolder(FOLDER, LLAMA_7B) },
    device: DEVICE,
  };
  const run = await compose(values, { adapter: false, further: randomModel(storage) });
  const device = await run.assembler.openDevice();
  const { model, encoder, dispose } = await run.assembler.assemble();
  try {
    const { prompt, tokens, texts } = DECODING;
    for (const count of texts) {
      const times = await timeTokens(model, textOf(encoder, prompt), count, tokens, device);
      figures[`${count} ${count === 1 ? 'text' : 'texts'}, speed`] = count / median(times);
    }
  } finally {
    dispose();
  }
  return figures;
}

/** The losses of the embedded model on the card and on this CPU. */
async function losses(): Promise<Figures> {
  const on = async (device: object, name: string): Promise<number[]> => {
    const found: number[] = [];
    const run = await compose({
      model: { path: path.join(ROOT, 'data', 'models', 'llama-tiny') },
      quantizer: { name: 'int8', compute: 'bf16' },
      adapter: { ...LORA, dropout: 0.05 },
      data: { sources: ['alpaca'], cutoffLength: TRAINING.cutoff, validationSize: 0 },
      train: { perDeviceBatchSize: 4, gradientAccumulationSteps: 1, maxSteps: LOSS_STEPS, warmupSteps: 0 },
      device,
      output: path.join(FOLDER, name),
    });
    run.hooks.step.tap('bench', ({ loss }) => {
      found.push(loss);
    });
    await run.trainer.run();
    return found;
  };
  const [card, cpu] = [await on(DEVICE, 'card'), await on({ name: 'native' }, 'cpu')];
  const apart = card.map((loss, i) => Math.abs(loss / cpu[i] - 1));
  console.log(JSON.stringify({ card, cpu }));
  return { [`${LOSS_STEPS} steps, at most apart`]: Math.max(...apart) };
}

async function partOf(name: string): Promise<Figures> {
  if (name === 'linear') return linears();
  if (name === 'products') return products(false);
  if (name === 'products-cublaslt') return products(true);
  if (name === 'losses') return losses();
  const [kind, ...rest] = name.split('-');
  const storage = rest.at(-1) as string;
  if (kind === 'decode') return decoding(storage);
  return training(rest[0] === '30b' ? LLAMA_30B : LLAMA_7B, storage);
}

mkdirSync(FOLDER, { recursive: true });
tf.enableProdMode();
console.log(JSON.stringify(await partOf(process.argv[2])));
