import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import { launchOf } from '../base/launch.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { loadConfig, type RunConfig } from '../config/load.js';
import type { Locate } from '../config/validate.js';
import { unusedNotice } from '../plugins/listed.js';
import { unusedPlugins } from '../plugins/load.js';
import { composeRun } from '../run/compose.js';
import type { Trainer } from '../run/trainer.js';
import { furtherFaults, loadChecked } from './early-faults.js';
import { catchExit, catchInterruption, catchStrayErrors } from './interruption.js';
import { endsWithOthers } from './launched.js';
import { describePlan } from './plan.js';
import { type ProcessesOptions, runProcesses, startsProcesses } from './processes.js';

interface RunOptions extends ProcessesOptions {
  readonly set: string[];
  readonly output?: string;
  readonly device?: string;
  readonly json?: true;
  /** True, or the folder of the run that goes on. */
  readonly resume?: true | string;
  readonly dryRun?: true;
}

/**
 * `evolve run CONFIG`, with `--resume` from its newest checkpoint, with `--dry-run` up to its plan; or `evolve run --resume DIR`. The first Ctrl-C ends the run
 * after the micro-batch at hand and keeps what was learned.
 */
export async function runCommand(given: string | undefined, flags: RunOptions): Promise<void> {
  const { file, ...options } = choice(given, flags);
  const startsOthers = startsProcesses(options);
  const { config, locate, folder } = await loadConfig(file, options, furtherFaults);
  const { processes = 1 } = options;
  const shares = startsOthers ? sharesOf(processes, config) : undefined;
  if (startsOthers && !options.dryRun) {
    if (shares !== undefined) process.stderr.write(`evolve: ${shares}\n`);
    return runProcesses(processes, options.hostfile);
  }
  const teller = tellerOf(config, locate, options);
  const trackers = options.dryRun ? [teller] : ['metrics', teller];
  const plugins = await loadChecked(config, locate, { trackers, folder });
  const interruption = catchInterruption();
  const release = catchStrayErrors(
    interruption,
    plugins.some(({ builtIn }) => !builtIn),
  );
  const leave = catchExit();
  try {
    const { trainer, hooks } = composeRun(config, plugins, interruption.signal);
    for (const plugin of await unusedPlugins(config, locate, folder, plugins))
      hooks.log.call({ type: 'notice', message: unusedNotice(plugin) });
    if (startsOthers) {
      const message = `the plan is made in one process: each of the ${processes} takes its memory, and a part of its micro-batches`;
      hooks.log.call({ type: 'notice', message });
    }
    interruption.signal.addEventListener('abort', () => {
      if (endsWithOthers()) return;
      const message =
        'ending: the step at hand is left, and what was learned is saved; Ctrl-C again ends at once';
      hooks.log.call({ type: 'notice', message });
    });
    if (options.dryRun) await tellPlan(trainer, teller);
    else await trainer.run({ resume: options.resume !== undefined });
    release();
  } catch (error) {
    throw error instanceof EvolveError ? error.locatedBy(locate) : error;
  } finally {
    leave();
  }
}

type Teller = 'json' | 'progress';

/** The tracker that writes to standard output. A configuration may name one too, or have `progress` write to standard error. */
function tellerOf({ trackers }: RunConfig, locate: Locate, { json }: RunOptions): Teller {
  const writes = (tracker: Teller) =>
    trackers.some(({ name, stream }) => name === tracker && stream !== 'stderr');
  const isJson = json || writes('json');
  if (isJson && writes('progress')) {
    const message = `${locate(['trackers'])}: "progress" and "json" both write to standard output`;
    const advice = 'Name one of them, or { name: progress, stream: stderr }. --json brings "json".';
    throw new EvolveError('CONFIG_INVALID', message, advice);
  }
  return isJson ? 'json' : 'progress';
}

/**
 * What is to be said of how processes share the micro-batches of a step.
 *
 * @throws EvolveError COMMAND_LINE if a step has fewer rows than there are processes
 */
function sharesOf(processes: number, { train }: RunConfig): string | undefined {
  const { perDeviceBatchSize, gradientAccumulationSteps: microBatches } = train;
  const rows = perDeviceBatchSize * microBatches;
  if (processes > rows) {
    const message = `--processes ${processes}: a step has ${rows} rows, train.perDeviceBatchSize × train.gradientAccumulationSteps`;
    throw new EvolveError('COMMAND_LINE', message, 'Take fewer processes, or more rows a step.');
  }
  if (processes <= microBatches) return undefined;
  const idle = processes - microBatches;
  return `${processes} processes share ${microBatches} micro-batches a step (train.gradientAccumulationSteps): ${idle} ${idle === 1 ? 'has' : 'have'} nothing to do`;
}

async function tellPlan(trainer: Trainer, teller: Teller): Promise<void> {
  const { size } = launchOf();
  if (size > 1) {
    const message = `--dry-run plans in one process, but MPI has started ${size}`;
    throw new EvolveError('COMMAND_LINE', message, 'Call evolve without mpirun. --processes may stay.');
  }
  const plan = await trainer.plan();
  process.stdout.write(
    teller === 'json' ? `${JSON.stringify({ type: 'plan', ...plan })}\n` : describePlan(plan),
  );
}

/** The configuration's file, and the options. Of a run's folder that is to go on, its config.yaml, with the folder as output. */
function choice(given: string | undefined, flags: RunOptions): RunOptions & { readonly file: string } {
  const { resume } = flags;
  const place = typeof resume === 'string' ? resolvePath('', resume) : undefined;
  // `--resume mine.yaml` is `mine.yaml --resume`, in another order.
  if (given === undefined && place !== undefined && statSync(place, { throwIfNoEntry: false })?.isFile())
    return { ...flags, resume: true, file: place };
  if (place === undefined) {
    if (given !== undefined) return { ...flags, file: given };
    const message = 'expected a configuration, or --resume with the folder of a run';
    throw new EvolveError('COMMAND_LINE', message, 'For example evolve run mine.yaml');
  }
  const file = path.join(place, 'config.yaml');
  if (!existsSync(file)) {
    const message = `--resume ${displayPath(place)}: it is no run's folder, as it has no config.yaml`;
    throw new EvolveError('COMMAND_LINE', message, 'A run is in the folder that its output names.');
  }
  if (flags.output !== undefined && resolvePath('', flags.output) !== place) {
    const message = `--resume ${displayPath(place)}: the run goes on in that folder, and --output names another`;
    throw new EvolveError('COMMAND_LINE', message, 'Leave --output out.');
  }
  return { ...flags, output: place, file: given ?? file };
}
