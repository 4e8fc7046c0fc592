import { existsSync, readdirSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import type { Batch, EncodedExample, LanguageModel } from '../../core/index.js';
import { emulatedDriver } from '../../plugins/devices/cuda/emulated.js';
import { loadAddon } from '../../plugins/devices/native/addon.js';
import { isInstalled } from '../../plugins/devices/tensorflow/installed.js';
import { readFixture } from './compose.js';
import { DRIVER, whyNotLong } from './cuda.js';
import { fixture } from './files.js';
import { rowOf } from './rows.js';

/** What test/fixtures/parity.py writes into a model's expected.json; arrays are base64 of float32. */
export interface Parity {
  readonly rows: readonly { inputIds: number[]; labels: number[] }[];
  readonly vocabulary: number;
  readonly parameters: number;
  /** Of all tokens, row by row. */
  readonly logits: string;
  /** Summed over the labels. */
  readonly loss: number;
  /** By every parameter: the gradient's norm, and its product with cos 0, cos 1, cos 2, … */
  readonly gradients: Readonly<Record<string, readonly [norm: number, product: number]>>;
  /** The logits at the rows' ends where all linear layers but the output were quantized and decoded. */
  readonly quantized: { readonly int8: string; readonly nf4: string };
  /** The first records of llama/train.json in tokens. */
  readonly encoded: readonly { inputIds: number[]; labels: number[] }[];
  /** "Name a color." as a prompt. */
  readonly prompt: readonly number[];
  readonly greedy: Continuation;
  /** The same with the adapter in adapter/. */
  readonly adapted: {
    readonly loss: number;
    readonly greedy: Continuation;
    readonly gradients: Readonly<Record<string, string>>;
    /** At the rows' ends, once PEFT has merged the adapter into the weights. */
    readonly mergedLogits: string;
  };
  readonly training: {
    readonly options: Readonly<Record<string, number>>;
    readonly steps: readonly { loss: number; gradNorm: number }[];
  };
}

/** The likeliest 128 tokens after the prompt of a record, by its index in llama/train.json. */
export interface Continuation {
  readonly record: number;
  readonly ids: readonly number[];
}

export function readParity(name: string): Parity {
  return readFixture<Parity>(name, 'expected.json');
}

/** A device as a configuration names it, with whether it is there. */
export interface TestDevice {
  readonly title: string;
  readonly device: object | string;
  /** Why it cannot be had. */
  readonly missing?: string;
  /** Its arithmetic is right and very slow: a test takes as little of it as shows something. */
  readonly isEmulated?: boolean;
}

const addon = loadAddon();

export const DEVICES: readonly TestDevice[] = [
  { title: 'portable, wasm', device: { name: 'portable', backend: 'wasm' } },
  { title: 'portable, cpu', device: { name: 'portable', backend: 'cpu' } },
  {
    title: 'native',
    device: { name: 'native', threads: 2 },
    ...('reason' in addon ? { missing: addon.reason } : {}),
  },
  {
    title: 'cuda',
    device: { name: 'cuda', driver: DRIVER },
    ...(DRIVER === emulatedDriver() && { isEmulated: true, ...missingEmulated() }),
  },
  {
    title: 'tensorflow',
    device: 'tensorflow',
    ...(hasTensorFlow() ? {} : { missing: 'TensorFlow is not installed (evolve device install tensorflow)' }),
  },
];

function missingEmulated(): Pick<TestDevice, 'missing'> {
  const missing = whyNotLong();
  return missing === undefined ? {} : { missing };
}

/** Looked for, not loaded: that would make it the backend of all tests. */
function hasTensorFlow(): boolean {
  if (isInstalled()) return true;
  return ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'].some((name) => {
    try {
      const lib = new URL('../lib/', import.meta.resolve(name));
      return readdirSync(lib).some((folder) => existsSync(new URL(`${folder}/tfjs_binding.node`, lib)));
    } catch {
      return false;
    }
  });
}

/** Without it the native device would compute in bf16. */
export const IN_FP32 = { name: 'none', compute: 'fp32' };
export const AS_IT_IS = { training: false, seed: 0, checkpointing: false };

/** The records that the training of a fixture takes. */
export const RECORDS = fixture('llama', 'train.json');

export function rowsOf(parity: Parity): EncodedExample[] {
  return parity.rows.map(rowOf);
}

/** The logits of all tokens, sequence by sequence. */
export function logitsOf(model: LanguageModel, batch: Batch): Float32Array {
  return tf.tidy(() => model.logits(batch, AS_IT_IS).dataSync().slice()) as Float32Array;
}

/** The logits at the end of each sequence. */
export function lastLogitsOf(model: LanguageModel, batch: Batch): Float32Array {
  return tf.tidy(() => model.nextLogits(batch).dataSync().slice()) as Float32Array;
}

/** ‖actual − expected‖ / ‖expected‖: unlike a bound on each element it is as strict for small gradients. */
export function relativeDistance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

/** What `Parity.gradients` keeps of a gradient. */
export function fingerprint(gradient: ArrayLike<number>): [norm: number, product: number] {
  let [squares, product] = [0, 0];
  for (let i = 0; i < gradient.length; i++) {
    squares += gradient[i] ** 2;
    product += gradient[i] * Math.cos(i);
  }
  return [Math.sqrt(squares), product];
}
