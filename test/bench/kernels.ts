/** Single operations, forward and backward, against PyTorch's on the same shapes in the same run. */

import * as tf from '@tensorflow/tfjs';
import {
  DenseWeight,
  encodeFloats,
  type FrozenWeight,
  linear,
  Random,
  rmsNorm,
  swiglu,
} from '../../core/index.js';
import { quantizeInt8 } from '../../plugins/quantizers/int8/int8-weight.js';
import { compose } from '../support/compose.js';
import type { Context } from './context.js';
import { Others } from './machine.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

type Times = { forward: number[]; backward: number[] };
type Side = (repeats: number) => Times | Promise<Times>;
type Shape = readonly [tokens: number, columns: number, out: number];

const DIRECTIONS = ['forward', 'backward'] as const;
const SHAPES: readonly Shape[] = [
  [512, 4096, 4096],
  [2048, 576, 1536],
];

export async function kernels(context: Context): Promise<Row[]> {
  await openDevice(context);
  const rows: Row[] = [];
  for (const shape of SHAPES) rows.push(...(await linears(context, shape)));
  rows.push(...(await elementwise(context)));
  return rows;
}

/** The best int8 product of this machine by our kernels, in operations: what a 7B step is held against. */
export async function measuredPeak(context: Context): Promise<{ aSecond: number; aCpuSecond: number }> {
  await openDevice(context);
  const [tokens, columns, out] = SHAPES[0];
  const weight = withCompute(quantizeInt8(randomWeight(out, columns, 'bf16')), 'int8');
  const x = tf.randomUniform([tokens, columns], -1, 1, 'float32', 0) as tf.Tensor2D;
  const times = Array.from({ length: 9 }, () => {
    const [cpu, start] = [process.cpuUsage(), performance.now()];
    linear(x, weight).dispose();
    const { user, system } = process.cpuUsage(cpu);
    return { wall: (performance.now() - start) / 1e3, cpu: (user + system) / 1e6 };
  }).slice(1);
  x.dispose();
  const operations = 2 * tokens * columns * out;
  const best = (of: 'wall' | 'cpu') => operations / Math.min(...times.map((time) => time[of]));
  return { aSecond: best('wall'), aCpuSecond: best('cpu') };
}

async function openDevice({ device, say }: Context): Promise<void> {
  const run = await compose({ device });
  const { name, description } = await run.assembler.openDevice();
  if (!tf.getKernel('FrozenLinear', tf.getBackend())) {
    say(
      `device ${name} (${description}) has no kernel for frozen linear layers: what is measured is the composed form`,
    );
  }
}

/** `linear` on each kind of weight, beside PyTorch in its faster precision and in f32, and oneDNN's bare int8 product. */
async function linears(context: Context, shape: Shape): Promise<Row[]> {
  const [tokens, columns, out] = shape;
  const bf16 = randomWeight(out, columns, 'bf16');
  const weights: Record<string, FrozenWeight> = {
    bf16,
    'int8 computed in int8': withCompute(quantizeInt8(bf16), 'int8'),
    'int8 computed in bf16': withCompute(quantizeInt8(bf16), 'bf16'),
    f32: randomWeight(out, columns, 'f32'),
  };
  const sides: Record<string, Side> = {};
  for (const [name, weight] of Object.entries(weights))
    sides[name] = ours((x) => linear(x, weight), [tokens, columns]);
  if (context.peer) {
    const { peer, precision } = context;
    const ask = (name: string, more: object) => (repeats: number) =>
      peer.ask<Times>('operation', { name, repeats, tokens, columns, out, ...more });
    for (const dtype of new Set(['f32', precision])) sides[`torch ${dtype}`] = ask('linear', { dtype });
    sides['torch int8'] = ask('integerProduct', {});
  }
  const { times, others } = await alternate(`linear ${shape.join('×')}`, sides, context);
  const operations = 2 * tokens * columns * out;
  const speed = (name: string, direction: keyof Times) => {
    const seconds = times[name]?.[direction] ?? [];
    return seconds.length === 0 ? null : operations / median(seconds) / 1e9;
  };
  const rows: Row[] = [];
  const add = (what: string, a: string, b: string, directions: readonly (keyof Times)[] = DIRECTIONS) => {
    for (const direction of directions) {
      if (speed(a, direction) === null && speed(b, direction) === null) continue;
      const raw = { ours: times[a]?.[direction], theirs: times[b]?.[direction] };
      rows.push({
        what: `${what}, ${shape.join('×')} ${direction}`,
        unit: 'GFLOP/s',
        ours: speed(a, direction),
        theirs: speed(b, direction),
        others,
        ...(sides[b] && b.startsWith('torch') && { note: `theirs in ${b.slice('torch '.length)}` }),
        raw,
      });
    }
  };
  const faster = `torch ${context.precision}`;
  add('linear bf16', 'bf16', faster);
  add('linear int8 computed in int8', 'int8 computed in int8', faster);
  add('linear int8 computed in bf16 against our bf16', 'int8 computed in bf16', 'bf16');
  add('linear f32', 'f32', 'torch f32');
  add('linear int8 against oneDNN int8', 'int8 computed in int8', 'torch int8', ['forward']);
  return rows;
}

async function elementwise(context: Context): Promise<Row[]> {
  const scale = tf.ones([576]) as tf.Tensor1D;
  const cases = {
    rmsNorm: { columns: 576, side: ours((x) => rmsNorm(x, scale, 1e-5), [2048, 576]) },
    swiglu: { columns: 1536, side: ours(swiglu, [2048, 1536], [2048, 1536]) },
  };
  const rows: Row[] = [];
  for (const [name, { columns, side }] of Object.entries(cases)) {
    const { peer, precision: dtype } = context;
    const theirs: Side | undefined =
      peer && ((repeats) => peer.ask<Times>('operation', { name, repeats, tokens: 2048, columns, dtype }));
    const { times, others } = await alternate(
      `${name} 2048×${columns}`,
      theirs ? { ours: side, theirs } : { ours: side },
      context,
    );
    for (const direction of DIRECTIONS) {
      const seconds = (who: string) => (times[who] ? median(times[who][direction]) : null);
      const raw = { ours: times.ours[direction], theirs: times.theirs?.[direction] };
      const what = `${name} 2048×${columns} ${direction}`;
      const note = peer ? `theirs in ${dtype}` : '';
      rows.push({ what, unit: 's', ours: seconds('ours'), theirs: seconds('theirs'), others, note, raw });
    }
  }
  scale.dispose();
  return rows;
}

/** Ours: forward is until the op has returned (the CPU devices have computed by then), backward what follows it. */
function ours(
  op: (...inputs: tf.Tensor2D[]) => tf.Tensor2D,
  ...shapes: readonly (readonly [number, number])[]
): (repeats: number) => Times {
  const inputs = shapes.map((shape, i) => tf.randomUniform([...shape], -1, 1, 'float32', i) as tf.Tensor2D);
  const dy = tf.tidy(() => tf.onesLike(op(...inputs)));
  return (repeats) => {
    const times: Times = { forward: [], backward: [] };
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      let middle = start;
      const gradients = tf.grads((...xs: tf.Tensor[]) => {
        const y = op(...(xs as tf.Tensor2D[]));
        middle = performance.now();
        return y;
      })(inputs, dy);
      times.forward.push((middle - start) / 1000);
      times.backward.push((performance.now() - middle) / 1000);
      tf.dispose(gradients);
    }
    return times;
  };
}

/** The sides take turns, each warmed up before it is measured; a turn lasts about half a second. */
async function alternate(what: string, sides: Record<string, Side>, { rounds, say }: Context) {
  const times: Record<string, Times> = {};
  const repeats: Record<string, number> = {};
  for (const [name, side] of Object.entries(sides)) {
    await side(1);
    const { forward, backward } = await side(1);
    repeats[name] = Math.max(1, Math.min(20, Math.round(0.5 / (forward[0] + (backward[0] ?? 0)))));
    times[name] = { forward: [], backward: [] };
  }
  const others = new Others();
  for (let round = 0; round < rounds; round++) {
    say(`… ${what}, round ${round + 1} of ${rounds}`);
    for (const [name, side] of Object.entries(sides)) {
      const { forward, backward } = await side(repeats[name] + 1);
      times[name].forward.push(...forward.slice(1));
      times[name].backward.push(...backward.slice(1));
    }
  }
  return { times, others: others.share() };
}

function randomWeight(rows: number, columns: number, type: 'bf16' | 'f32'): DenseWeight {
  const values = new Random(3).uniform(rows * columns, -0.03, 0.03);
  return new DenseWeight([rows, columns], type, encodeFloats(type, values));
}

function withCompute<W extends FrozenWeight>(weight: W, compute: 'int8' | 'bf16' | 'fp32'): W {
  return Object.assign(weight, { compute });
}
