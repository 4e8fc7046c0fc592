/**
 * A device beside the native one: training steps of a LLaMA of SmolLM2-135M's shape with random weights in bf16, 4 × 512 tokens,
 * and of the embedded default. Both take turns, and what is compared is the processor's time, so that other programs matter less.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../support/files.js';
import type { Context } from './context.js';
import { RANDOM_WEIGHTS, writeLlama } from './llama-7b.js';
import { writeLongRows } from './long-rows.js';
import { measureEvolve, stepsOf, type TimedEvent } from './processes.js';
import { BATCH, CUTOFF, LORA } from './settings.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

const SHAPE = { hidden: 576, wide: 1536, heads: 9, kvHeads: 3, layers: 30, vocabulary: 49152 };
const STEPS = 3;
const EMBEDDED = path.join(ROOT, 'configs', 'llama-alpaca-belle-cot.yaml');

export async function beside(context: Context): Promise<Row[]> {
  const steps = await inTurns(context, 'training step of 135M shape', [writeRun(context)], (events) =>
    events.slice(1).map((event, i) => (event.cpu ?? Number.NaN) - (events[i].cpu ?? Number.NaN)),
  );
  const embedded = await inTurns(context, 'embedded default, steps', [EMBEDDED], (events) => [
    (events.at(-1)?.cpu ?? Number.NaN) - (events[0].cpu ?? Number.NaN),
  ]);
  return [steps, embedded];
}

/** Runs on this device and on the native one, by turns. `costs` makes seconds of the processor of a run's steps. */
async function inTurns(
  context: Context,
  what: string,
  args: readonly string[],
  costs: (steps: readonly TimedEvent[]) => number[],
): Promise<Row> {
  const devices = [context.device, 'native'] as const;
  const seconds: number[][] = [[], []];
  const losses: number[] = [];
  for (let round = 0; round < context.rounds; round++) {
    for (const [i, device] of devices.entries()) {
      const output = path.join(context.folder, `beside-${device}`);
      const of = ['run', ...args, '--output', output, '--device', device];
      const measured = await measureEvolve(of, context.say);
      const steps = stepsOf(measured);
      seconds[i].push(...costs(steps));
      losses[i] = steps.at(-1)?.event.loss as number;
    }
  }
  const [ours, theirs] = seconds.map(median);
  return {
    what: `${what}: ${devices[0]}, and native`,
    unit: 's',
    ours,
    theirs,
    note: `seconds of the processor; last loss ${losses.map((loss) => loss.toFixed(4)).join(' / ')}`,
    raw: { devices, seconds },
  };
}

function writeRun(context: Context): string {
  const config = path.join(context.folder, 'beside.yaml');
  const values = {
    model: { path: writeLlama(context, 'llama-135m', SHAPE) },
    adapter: { ...LORA, dropout: 0 },
    data: {
      sources: [{ path: writeLongRows(context, BATCH), format: 'alpaca' }],
      cutoffLength: CUTOFF,
      validationSize: 0,
    },
    train: {
      perDeviceBatchSize: BATCH,
      gradientAccumulationSteps: 1,
      maxSteps: STEPS,
      warmupSteps: 0,
    },
    plugins: [RANDOM_WEIGHTS],
  };
  writeFileSync(config, stringify(values));
  return config;
}
