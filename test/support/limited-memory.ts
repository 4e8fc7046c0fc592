/**
 * A program: opens the native device, limits its own memory to little more than it has by then, asks for more as its
 * argument says, and prints what came of it as JSON.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import type { EvolveError } from '../../core/base/errors.js';
import { gelu } from '../../core/ops/gelu.js';
import { linear } from '../../core/ops/linear.js';
import native from '../../plugins/devices/native/index.js';
import { askDevice } from './devices.js';
import { makeWeight } from './weights.js';

export type Attempt = 'kernel' | 'tensor' | 'threads';

export interface Outcome {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
  /** Whether the device computes afterwards. */
  readonly works: boolean;
}

const MARGIN = 100 * 2 ** 20;
const SHAPE: [number, number] = [20_000, 2_000];

function limitMemory(): void {
  const [, kilobytes] = readFileSync('/proc/self/status', 'utf8').match(/^VmSize:\s+(\d+)/m) as string[];
  const limit = Number(kilobytes) * 1024 + MARGIN;
  execFileSync('prlimit', ['--pid', String(process.pid), `--as=${limit}`]);
}

await askDevice(native, { threads: 1 }, 'native');
const weight = makeWeight('f32', [1, SHAPE[1]], new Float32Array(SHAPE[1]).fill(1));
const x = tf.ones<tf.Rank.R2>(SHAPE);
const product = (rows: number) =>
  tf.tidy(() => linear(tf.ones<tf.Rank.R2>([rows, SHAPE[1]]), weight).dataSync()[0]);
product(1);
// Before the limit: a process that is started takes memory too.
limitMemory();

const attempts: Record<Attempt, () => unknown> = {
  // The kernel packs its input, and needs as much again.
  kernel: () => linear(x, weight),
  tensor: () => gelu(x),
  threads: () => askDevice(native, { threads: 1000 }, 'native'),
};
let thrown: Partial<EvolveError> = {};
try {
  await attempts[process.argv[2] as Attempt]();
} catch (error) {
  thrown = error as EvolveError;
}
const { code = '', message = '', advice = '' } = thrown;
const outcome: Outcome = { code, message, advice, works: product(1) === SHAPE[1] };
console.log(JSON.stringify(outcome));
