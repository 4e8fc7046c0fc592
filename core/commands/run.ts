import { EvolveError } from '../base/errors.js';
import { loadConfig } from '../config/load.js';
import { unusedNotice } from '../plugins/listed.js';
import { unusedPlugins } from '../plugins/load.js';
import { composeRun } from '../run/compose.js';
import { furtherFaults, loadChecked } from './early-faults.js';
import { catchExit, catchInterruption, catchStrayErrors } from './interruption.js';

interface RunOptions {
  readonly set: string[];
  readonly output?: string;
  readonly device?: string;
  readonly json?: true;
}

/** `evolve run CONFIG`. The first Ctrl-C ends the run after the micro-batch at hand and keeps what was learned. */
export async function runCommand(file: string, options: RunOptions): Promise<void> {
  const { config, locate, folder } = await loadConfig(file, options, furtherFaults);
  const trackers = ['metrics', options.json ? 'json' : 'progress'];
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
    interruption.signal.addEventListener('abort', () => {
      const message =
        'ending: the step at hand is left, and what was learned is saved; Ctrl-C again ends at once';
      hooks.log.call({ type: 'notice', message });
    });
    await trainer.run();
    release();
  } catch (error) {
    throw error instanceof EvolveError ? error.locatedBy(locate) : error;
  } finally {
    leave();
  }
}
