/**
 * An epoch over Alpaca rows as they come: our best setting against PEFT's usual one. Both train on the same rows, and
 * PEFT's stack takes the loss of both adapters on the same held-out rows, on the unquantized base in f32.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { RandomStreams } from '../../core/index.js';
import { type Context, smollm2 } from './context.js';
import { eventOf, type Measured, measureEvolve, measurePeft, stepsOf } from './processes.js';
import { BATCH, CUTOFF, LEARNING_RATE, LORA, peftOptions, SEED } from './settings.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

const HELD_OUT = 100;
const ACCUMULATION = 4;
const PACKED_BATCH = 2;
const PACKED_ACCUMULATION = 2;
const WARMUP = 5;
const DROPOUT = 0.05;

export async function epoch(context: Context): Promise<Row[]> {
  const { rowsFile, say, folder, peer } = context;
  if (!rowsFile || !existsSync(rowsFile)) {
    say(`skipped: the epoch needs --rows FILE${rowsFile ? `; there is no ${rowsFile}` : ''}`);
    return [];
  }
  const model = await smollm2(context);
  if (!model) return [];
  const files = split(rowsFile, folder);
  const config = path.join(folder, 'epoch.yaml');
  writeFileSync(config, stringify(ourConfig(context, model, rowsFile)));
  const output = path.join(folder, 'epoch');
  const theirAdapter = path.join(folder, 'epoch-peft');
  const steps = Math.ceil(files.trainRows / (BATCH * ACCUMULATION));
  const peft = peftOptions({
    model,
    dtype: context.precision,
    dropout: DROPOUT,
    warmupSteps: WARMUP,
    steps,
    accumulation: ACCUMULATION,
    rows: files.train,
    adapter: theirAdapter,
    shuffle: true,
  });
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  // An epoch is long; its own steps even the noise out.
  for (let round = 0; round < Math.min(2, context.rounds); round++) {
    ours.push(await measureEvolve(['run', config, '--output', output], say));
    if (peer) theirs.push(await measurePeft(peft, say));
  }
  if (peer) requireSameTokens(ours[0], theirs[0]);
  const heldOut = async (adapter: string) =>
    peer
      ? (
          await peer.ask<{ loss: number }>('heldOutLoss', {
            model_path: model,
            adapter,
            file: files.heldOut,
            cutoff: CUTOFF,
          })
        ).loss
      : null;
  const ourLoss = await heldOut(path.join(output, 'adapter'));
  const theirLoss = peer ? await heldOut(theirAdapter) : null;
  const others = Math.max(...[...ours, ...theirs].map((measured) => measured.others ?? 0));
  const middle = (all: Measured[], of: (measured: Measured) => number | null) =>
    all.length === 0 || all.some((measured) => of(measured) === null)
      ? null
      : median(all.map((m) => of(m) as number));
  const speed = (measured: Measured) => files.trainRows / epochSeconds(measured);
  const ownLoss = eventOf(ours[0], 'done').event.evalLoss as number;
  const row = (what: string, unit: Row['unit'], a: number | null, b: number | null, note = ''): Row => ({
    what,
    unit,
    ours: a,
    theirs: b,
    note,
    others,
    raw: { ours, theirs },
  });
  return [
    row(
      'epoch, rows per second',
      'rows/s',
      middle(ours, speed),
      middle(theirs, speed),
      `${peer ? `theirs in ${context.precision}; ` : ''}gradient norms at the end: ${lastNorm(ours[0])} / ${lastNorm(theirs[0])}`,
    ),
    row(
      'epoch, held-out loss',
      'nats',
      ourLoss,
      theirLoss,
      `both by PEFT in f32; by our own run on its quantized base ${ownLoss.toFixed(4)}`,
    ),
    row(
      'epoch, peak memory',
      'bytes',
      middle(ours, (m) => m.peakBytes),
      middle(theirs, (m) => m.peakBytes),
    ),
    row(
      'epoch, command to end',
      's',
      middle(ours, (m) => m.seconds),
      middle(theirs, (m) => m.seconds),
      'evaluation only in ours',
    ),
  ];
}

function ourConfig({ plain, device }: Context, model: string, rows: string): object {
  return {
    model: { path: model },
    quantizer: plain ? 'int8' : { name: 'int8', compute: 'int8' },
    adapter: { ...LORA, dropout: DROPOUT },
    data: {
      sources: [{ path: path.resolve(rows), format: 'alpaca' }],
      cutoffLength: CUTOFF,
      validationSize: HELD_OUT,
      ...(plain ? {} : { packing: true }),
    },
    train: {
      // A packed row holds about four of these rows: a step has about as many as PEFT's.
      perDeviceBatchSize: plain ? BATCH : PACKED_BATCH,
      gradientAccumulationSteps: plain ? ACCUMULATION : PACKED_ACCUMULATION,
      epochs: 1,
      warmupSteps: WARMUP,
      learningRate: LEARNING_RATE,
      seed: SEED,
    },
    device,
  };
}

/** The rows that our run holds out, and the others, as files for PEFT; by the random stream that our run splits with. */
function split(file: string, folder: string) {
  const rows = JSON.parse(readFileSync(file, 'utf8')) as unknown[];
  const order = new RandomStreams(SEED).stream('split').permutation(rows.length);
  const write = (name: string, indices: Int32Array) => {
    const target = path.join(folder, name);
    writeFileSync(target, JSON.stringify(Array.from(indices, (i) => rows[i])));
    return target;
  };
  return {
    heldOut: write('epoch-held-out.json', order.slice(0, HELD_OUT)),
    train: write('epoch-train.json', order.slice(HELD_OUT)),
    trainRows: rows.length - HELD_OUT,
  };
}

/** Fails where the two did not train on the same rows, as when our run splits otherwise than `split` does. */
function requireSameTokens(ours: Measured, theirs: Measured): void {
  const trained = stepsOf(ours).reduce((sum, { event }) => sum + (event.tokens as number), 0);
  const expected = eventOf(theirs, 'start').event.tokens as number;
  if (trained !== expected) {
    throw new Error(`ours trained on ${trained} tokens, PEFT on ${expected}: not the same rows`);
  }
}

/** From the start of training to the last optimizer step; loading, evaluating and saving are not counted. */
function epochSeconds(measured: Measured): number {
  const begun = measured.events.filter(({ event }) => event.type === 'start' || event.step === 0).at(-1);
  return (stepsOf(measured).at(-1)?.at ?? Number.NaN) - (begun?.at ?? Number.NaN);
}

function lastNorm(measured: Measured | undefined): string {
  const last = measured && stepsOf(measured).at(-1);
  return last ? (last.event.gradNorm as number).toFixed(4) : '-';
}
