/** Folders as runs leave them, of runs that would take hours. */

import path from 'node:path';
import { stringify } from 'yaml';
import { Random } from '../../core/base/random.js';
import type { TemporaryFolder } from './files.js';
import { RESULT } from './sample-events.js';

export interface LeftRun {
  readonly steps?: number;
  readonly seed?: number;
  readonly learningRate?: number;
  /** Of run.json; null for a run that did not write it. */
  readonly result?: object | null;
  readonly bySource?: boolean;
  readonly samples?: readonly object[];
  readonly plan?: object;
}

/** Writes the folder `name` of a run with these steps, evaluated ten times, and returns its path. */
export function leaveRun(folder: TemporaryFolder, name: string, run: LeftRun = {}): string {
  const { steps = 20, seed = 1, learningRate = 3e-4, result = {}, bySource = false, samples, plan } = run;
  const random = new Random(seed);
  const output = folder.join(name);
  const config = {
    model: { path: '/models/tiny' },
    data: { sources: ['alpaca', { path: '/data/mine.jsonl' }] },
    train: { learningRate, epochs: 2, seed },
    output,
  };
  const write = (file: string, text: string) => folder.write(path.join(name, file), text);
  const lossAt = (step: number) => 1 + 2 * Math.exp((-4 * step) / steps);
  const parts = (step: number) =>
    bySource && {
      bySource: {
        alpaca: { loss: lossAt(step), targets: 100 },
        'belle 中文': { loss: 1.5 * lossAt(step), targets: 50 },
      },
    };
  const lines: object[] = [{ type: 'eval', step: 0, evalLoss: lossAt(0) }];
  for (let step = 1; step <= steps; step++) {
    lines.push({
      ...{ type: 'step', step, epoch: (2 * step) / steps, loss: lossAt(step) + 0.2 * (random.next() - 0.5) },
      ...{ learningRate: learningRate * (1 - step / steps), gradNorm: 0.5 + random.next(), tokens: 1000 },
      ...{ tokensPerSecond: 800 + 100 * random.next(), memory: 2 ** 30 + step * 1000, ...parts(step) },
    });
    if (step % Math.max(1, Math.round(steps / 10)) === 0)
      lines.push({
        type: 'eval',
        step,
        evalLoss: lossAt(step),
        perplexity: Math.exp(lossAt(step)),
        ...parts(step),
      });
  }
  const jsonLines = (items: readonly object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('');
  write('config.yaml', stringify(config));
  write('metrics.jsonl', jsonLines(lines));
  if (result) write('run.json', JSON.stringify({ ...RESULT, output, steps, savedStep: steps, ...result }));
  if (samples) write('samples.jsonl', jsonLines(samples));
  if (plan) write('plan.json', JSON.stringify(plan));
  return output;
}
