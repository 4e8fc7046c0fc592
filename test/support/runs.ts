import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { StepEvent } from '../../core/contracts/tracker.js';
import type { Plugin } from '../../core/plugins/plugin.js';
import { loadAddon } from '../../plugins/devices/native/addon.js';
import { type ComposedRun, compose } from './compose.js';
import { fixture, TemporaryFolder } from './files.js';
import { IN_FP32 } from './parity.js';

/** Eight short questions and answers, as JSON in Alpaca's form. */
export const EIGHT_ROWS = JSON.stringify(
  ['red', 'green', 'blue', 'white', '红色', '绿色', '蓝色', '白色'].map((color, i) => ({
    instruction: `Name color ${i + 1}.`,
    input: i % 3 === 0 ? 'of the list' : '',
    output: `It is ${color}${' indeed'.repeat(i % 4)}.`,
  })),
);

/** What computes the runs of tests: the CPU at its full speed where the addon is built. */
export const RUN_DEVICE = 'reason' in loadAddon() ? 'portable' : 'native';

/** Where the runs of a test are. */
export interface RunPlace {
  readonly folder: TemporaryFolder;
  /** A file in it with eight rows. */
  readonly data: string;
  /** A folder in it that is not there yet. */
  readonly output: string;
}

/** Gives each test of a suite a place of its own, which `take` gets before the test, and removes it after. */
export function withRunPlace(take: (place: RunPlace) => void): void {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    take({ folder, data: folder.write('rows.json', EIGHT_ROWS), output: folder.join('run') });
  });
  afterEach(() => folder.remove());
}

export interface RunValues {
  /** Where the run goes. */
  readonly output: string;
  /** A file in Alpaca's form. */
  readonly data: string;
  /** The fixture LLaMA unless it is given. */
  readonly model?: string;
  readonly train?: object;
  readonly adapter?: object;
  readonly validationSize?: number;
  readonly packing?: boolean;
  readonly quantizer?: string;
  readonly metrics?: readonly unknown[];
  readonly plugins?: readonly unknown[];
}

/** A run on the fixture LLaMA with metrics.jsonl, and with further plugins applied. */
export function composeTestRun(
  values: RunValues,
  further: readonly Plugin[] = [],
  signal?: AbortSignal,
): Promise<ComposedRun> {
  const config = {
    model: { path: values.model ?? fixture('llama') },
    quantizer: values.quantizer ?? IN_FP32,
    adapter:
      values.adapter && ('init' in values.adapter || 'method' in values.adapter)
        ? values.adapter
        : { r: 4, ...values.adapter },
    data: {
      sources: [{ path: values.data, format: 'alpaca' }],
      cutoffLength: 256,
      validationSize: values.validationSize ?? 0,
      packing: values.packing ?? false,
    },
    train: {
      perDeviceBatchSize: 2,
      gradientAccumulationSteps: 2,
      warmupSteps: 0,
      learningRate: 0.01,
      ...values.train,
    },
    metrics: values.metrics ?? [],
    plugins: values.plugins ?? [],
    device: RUN_DEVICE,
    output: values.output,
  };
  return compose(config, { trackers: ['metrics'], further, signal });
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
