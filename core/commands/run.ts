import { EvolveError } from '../base/errors.js';
import { loadConfig } from '../config/load.js';
import { loadPlugins, pluginFaults } from '../plugins/load.js';
import { composeRun } from '../run/compose.js';
import { catchInterruption, catchStrayErrors } from './interruption.js';

interface RunOptions {
  readonly set: string[];
  readonly output?: string;
  readonly device?: string;
  readonly json?: true;
}

/** `evolve run CONFIG`. The first Ctrl-C ends the run after the micro-batch at hand and keeps what was learned. */
export async function runCommand(file: string, options: RunOptions): Promise<void> {
  const { config, locate, folder } = await loadConfig(file, options, pluginFaults);
  const trackers = ['metrics', options.json ? 'json' : 'progress'];
  const plugins = await loadPlugins(config, locate, { trackers, folder });
  const interruption = catchInterruption();
  const release = catchStrayErrors(
    interruption,
    plugins.some(({ builtIn }) => !builtIn),
  );
  try {
    await composeRun(config, plugins, interruption.signal).trainer.run();
    release();
  } catch (error) {
    throw error instanceof EvolveError ? error.locatedBy(locate) : error;
  }
}
