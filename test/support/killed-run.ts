/** Runs that are killed at random moments, in processes of their own, and go on each time. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { Random } from '../../core/base/random.js';
import { evolve } from './cli.js';
import { fixture, type TemporaryFolder } from './files.js';
import { begin } from './processes.js';
import { EIGHT_ROWS, readMetrics } from './runs.js';

/** A short run that saves after every step, so that many kills come in the midst of a save. */
const VALUES = {
  model: { path: fixture('llama') },
  quantizer: 'none',
  adapter: { r: 4, dropout: 0.1 },
  data: { sources: [{ path: 'rows.json', format: 'alpaca' }], cutoffLength: 256, validationSize: 2 },
  train: {
    perDeviceBatchSize: 2,
    gradientAccumulationSteps: 1,
    epochs: 5,
    evalEvery: 7,
    saveEvery: 1,
    learningRate: 0.01,
  },
};

export interface Kills {
  readonly device: string;
  readonly kills: number;
  /** Where the killed runs write; `folder` if it is absent. */
  readonly place?: string;
  /** Of the killed runs. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Kills a run so many times, and holds what it leaves in the end to what a run leaves that nobody kills. */
export async function surviveKills(
  folder: TemporaryFolder,
  { device, kills, place = folder.path, env }: Kills,
): Promise<void> {
  folder.write('rows.json', EIGHT_ROWS);
  const config = folder.write('run.yaml', stringify(VALUES));
  const args = (output: string) => ['run', config, '--device', device, '--output', output];
  const random = new Random(1);
  const whole = folder.join('whole');
  const startedAt = performance.now();
  const { status, stderr } = await evolve(args(whole));
  expect(status, stderr).to.equal(0);
  const milliseconds = performance.now() - startedAt;
  for (let [run, killed] = [0, 0]; killed < kills; run++) {
    const output = path.join(place, `killed-${run}`);
    for (let isDone = false; !isDone; ) {
      const running = begin([...args(output), '--resume'], { ...(env && { env }) });
      const delay = milliseconds * (0.3 + random.next());
      const timer = killed < kills ? setTimeout(() => running.child.kill('SIGKILL'), delay) : undefined;
      const end = await running.end();
      clearTimeout(timer);
      isDone = end.status !== null;
      if (isDone) expect(end.status, end.stderr).to.equal(0);
      else killed++;
    }
    expect(leftBy(output)).to.deep.equal(leftBy(whole));
  }
}

/** The trained numbers, and the events without their times. */
function leftBy(output: string) {
  const adapter = readFileSync(path.join(output, 'adapter', 'adapter_model.safetensors'));
  const events = readMetrics(output).map(
    ({ tokensPerSecond: _, memory: _memory, ...event }: Record<string, unknown>) => event,
  );
  return { adapter: adapter.toString('base64'), events };
}
