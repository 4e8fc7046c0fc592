import { readFileSync } from 'node:fs';
import path from 'node:path';
import { makeConfig } from '../../core/config.js';
import { composeRun, type Run } from '../../core/container.js';
import { loadPlugins } from '../../core/load-plugins.js';
import type { Plugin } from '../../core/plugin.js';
import type { StepEvent } from '../../core/types.js';
import { fixture } from './files.js';

/** Eight short questions and answers, as JSON in Alpaca's form. */
export const EIGHT_ROWS = JSON.stringify(
  ['red', 'green', 'blue', 'white', '红色', '绿色', '蓝色', '白色'].map((color, i) => ({
    instruction: `Name color ${i + 1}.`,
    input: i % 3 === 0 ? 'of the list' : '',
    output: `It is ${color}${' indeed'.repeat(i % 4)}.`,
  })),
);

export interface RunValues {
  /** Where the run goes. */
  readonly output: string;
  /** A file in Alpaca's form. */
  readonly data: string;
  readonly train?: object;
  readonly adapter?: object;
  readonly validationSize?: number;
  readonly quantizer?: string;
}

/** A run on the fixture LLaMA, composed as the command line composes it, with further plugins applied. */
export async function composeTestRun(
  values: RunValues,
  further: readonly Plugin[] = [],
  signal?: AbortSignal,
): Promise<Run> {
  const config = makeConfig({
    model: { path: fixture('llama') },
    quantizer: values.quantizer ?? 'none',
    adapter: { r: 4, ...values.adapter },
    data: {
      sources: [{ path: values.data, format: 'alpaca' }],
      cutoffLength: 256,
      validationSize: values.validationSize ?? 0,
    },
    train: {
      perDeviceBatchSize: 2,
      gradientAccumulationSteps: 2,
      warmupSteps: 0,
      learningRate: 0.01,
      ...values.train,
    },
    device: 'portable',
    output: values.output,
  });
  const plugins = await loadPlugins(config, String, { trackers: ['metrics'] });
  const applied = further.map((plugin) => ({ plugin, options: {}, builtIn: false }));
  return composeRun(config, [...plugins, ...applied], signal);
}

/** The events of metrics.jsonl. */
export function readMetrics(folder: string): { type: string; step: number; evalLoss?: number }[] {
  return readFileSync(path.join(folder, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

export function readSteps(folder: string): StepEvent[] {
  return readMetrics(folder).filter((event) => event.type === 'step') as unknown as StepEvent[];
}

export function readJson(...names: string[]): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(...names), 'utf8'));
}
