/** `evolve evaluate`: what a model is worth on data, without training it. */

import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import { resolvePath } from '../base/paths.js';
import { printable } from '../base/printable.js';
import { loadConfig, makeConfig } from '../config/load.js';
import type { Locate } from '../config/validate.js';
import { loadPlugins } from '../plugins/load.js';
import { composeEvaluation, type EvaluationConfig } from '../run/compose.js';
import type { Measured } from '../run/evaluator.js';
import { type SourceOptions, sourceOf } from './data/source.js';
import { evaluationTable } from './evaluation-table.js';
import { catchInterruption } from './interruption.js';
import {
  configOf,
  locateIn,
  type ModelChoice,
  parsed,
  templateNotice,
  unfinishedNotice,
} from './model-choice.js';

interface EvaluateOptions extends ModelChoice, Pick<SourceOptions, 'format' | 'split' | 'columns' | 'limit'> {
  readonly data: readonly string[];
  readonly metric: readonly string[];
  readonly fewShot?: readonly number[];
  readonly cutoffLength?: number;
  readonly json?: true;
}

/** Results go to standard output, everything else to standard error. */
export async function evaluateCommand(given: Partial<EvaluateOptions>): Promise<void> {
  const options: EvaluateOptions = { data: [], metric: [], ...given };
  const locate: Locate = ([section, ...keys]) => {
    if (section === 'metrics') return '--metric';
    if (section === 'data' && keys[0] === 'sources') return '--data';
    if (section === 'data' && keys[0] === 'cutoffLength') return '--cutoff-length';
    return locateIn(options)([section, ...keys]);
  };
  try {
    await evaluateAll(options, locate);
  } catch (error) {
    throw error instanceof EvolveError ? error.locatedBy(locate) : error;
  }
}

async function evaluateAll(options: EvaluateOptions, locate: Locate): Promise<void> {
  const { json, fewShot = [0] } = options;
  const config = await evaluationConfig(options);
  const trackers = [['progress', { stream: 'stderr' }]] as const;
  const plugins = await loadPlugins(config, locate, { trackers, folder: options.run });
  const { signal } = catchInterruption();
  const { evaluator, hooks } = composeEvaluation(config, plugins, signal);
  for (const message of [unfinishedNotice(options), await templateNotice(options, config)])
    if (message !== undefined) hooks.log.call({ type: 'notice', message });
  const found: Measured[] = [];
  const rows = options.data.length > 0 ? 'all' : 'held-out';
  try {
    await evaluator.evaluate({ rows, shots: fewShot }, (measured) => {
      found.push(measured);
      if (!json) return;
      const { metrics, ...rest } = measured;
      process.stdout.write(`${JSON.stringify({ type: 'evaluation', ...rest, ...metrics })}\n`);
    });
  } finally {
    // What was measured before something failed is told too.
    if (!json && found.length > 0) process.stdout.write(printable(evaluationTable(found)));
  }
  if (json) process.stdout.write('{"type":"done"}\n');
}

/** The model's configuration with the data and the metrics that the command line names, or else the run's own. */
async function evaluationConfig(options: EvaluateOptions): Promise<EvaluationConfig> {
  const assembly = await configOf(options);
  const own =
    options.run === undefined
      ? undefined
      : (await loadConfig(path.join(resolvePath('', options.run), 'config.yaml'))).config;
  if (own === undefined && options.data.length === 0) {
    const message = 'expected data to measure the model on';
    throw new EvolveError(
      'COMMAND_LINE',
      message,
      'Name it with --data. Of a run, what it holds out is the default.',
    );
  }
  const ofData = (['format', 'split', 'columns', 'limit'] as const).filter(
    (key) => options[key] !== undefined,
  );
  if (options.data.length === 0 && ofData.length > 0) {
    const message = `--${ofData[0]} goes with --data: without it the rows that the run holds out are measured`;
    throw new EvolveError('COMMAND_LINE', message, 'Name the data, or leave it out.');
  }
  const sources = options.data.map((what) => sourceOf(what, options));
  const named = options.metric.map((text) => parsed('metric', text));
  const metrics = named.length > 0 ? named : own ? own.metrics : [];
  const isPerplexity = (metric: unknown) =>
    metric === 'perplexity' || (metric as { name?: unknown } | null)?.name === 'perplexity';
  const {
    data,
    train,
    world,
    metrics: checked,
  } = makeConfig({
    model: assembly.model,
    data: {
      ...own?.data,
      template: assembly.data.template,
      ...(sources.length > 0 && { sources, validationSize: 0, packing: false, stopping: 'first' }),
      ...(options.cutoffLength !== undefined && { cutoffLength: options.cutoffLength }),
    },
    train: own?.train,
    metrics: metrics.some(isPerplexity) ? metrics : ['perplexity', ...metrics],
  });
  return { ...assembly, data, train, world, metrics: checked };
}
