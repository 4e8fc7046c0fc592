/**
 * How a run of several processes scales on one machine: one process with a thread for each core, against processes of one thread
 * each that share the cores out. All take turns.
 */

import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../support/files.js';
import { type Context, SAMPLES } from './context.js';
import { RANDOM_WEIGHTS, writeLlama } from './llama-7b.js';
import { measureEvolve, stepsOf, type TimedEvent } from './processes.js';
import { LORA } from './settings.js';
import type { Row } from './table.js';

/** That of SmolLM2-135M. */
const SHAPE = { hidden: 576, wide: 1536, heads: 9, kvHeads: 3, layers: 30, vocabulary: 49152 };
/** Steps that only warm up. */
const WARM = 2;

export async function processesScale(context: Context): Promise<Row[]> {
  const cores = os.availableParallelism();
  const counts = [1, 2, 4, 8, 16, 32].filter((count) => count <= cores);
  context.say(`processes of ${cores} cores: ${counts.join(', ')}; more would only share cores`);
  const embedded = path.join(ROOT, 'configs', 'llama-alpaca-belle-cot.yaml');
  return [
    ...(await scale(context, 'embedded default', [embedded, '--set', 'train.evalEvery=1000000'], counts)),
    ...(await scale(context, '135M shape in int8', [writeRun(context)], counts)),
  ];
}

async function scale(
  context: Context,
  what: string,
  args: readonly string[],
  counts: readonly number[],
): Promise<Row[]> {
  const rounds = counts.map((): (readonly TimedEvent[])[] => []);
  const others: number[] = [];
  for (let round = 0; round < context.rounds; round++)
    for (const [i, count] of counts.entries()) {
      const output = path.join(context.folder, `processes-${count}`);
      const device = ['--device', context.device, '--processes', `${count}`];
      const measured = await measureEvolve(['run', ...args, '--output', output, ...device], context.say);
      rounds[i].push(stepsOf(measured));
      others.push(measured.others ?? 0);
    }
  const [one, ...several] = rounds.map(speedOf);
  return several.map((speed, i) => ({
    what: `${what}, ${counts[i + 1]} processes on all cores against one`,
    unit: 'tokens/s',
    ours: speed,
    theirs: one,
    others: Math.max(...others),
    raw: { counts, rounds },
  }));
}

/**
 * Tokens by seconds of all steps but the first. A step, which is the same in each round, counts from the end of the one before to
 * its own, in the round in which that was fastest: other programs slowed it least there.
 */
function speedOf(rounds: readonly (readonly TimedEvent[])[]): number {
  let [tokens, seconds] = [0, 0];
  for (let i = WARM; i < rounds[0].length; i++) {
    tokens += rounds[0][i].event.tokens as number;
    seconds += Math.min(...rounds.map((steps) => steps[i].at - steps[i - 1].at));
  }
  return tokens / seconds;
}

/** Instructions as they are, short and long: what a process has to do differs from step to step. */
function writeRun(context: Context): string {
  const config = path.join(context.folder, 'processes.yaml');
  const values = {
    model: { path: writeLlama(context, 'llama-135m', SHAPE) },
    quantizer: 'int8',
    adapter: LORA,
    data: { sources: [{ path: SAMPLES, format: 'alpaca' }], cutoffLength: 256, validationSize: 0 },
    train: { perDeviceBatchSize: 4, gradientAccumulationSteps: 4, maxSteps: WARM + 6, warmupSteps: 0 },
    plugins: [RANDOM_WEIGHTS],
  };
  writeFileSync(config, stringify(values));
  return config;
}
